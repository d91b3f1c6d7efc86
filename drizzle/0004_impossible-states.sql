CREATE INDEX "jobs_completed" ON "jobs" USING btree ("position") WHERE "jobs"."status" = 'completed';--> statement-breakpoint
CREATE UNIQUE INDEX "processing_runs_completed" ON "processing_runs" USING btree ("job_id") WHERE "processing_runs"."outcome" = 'completed';--> statement-breakpoint
ALTER TABLE "archives" ADD CONSTRAINT "archives_option_values" CHECK (coalesce("archives"."options"->>'max_dims', '2') ~ '^[1-9][0-9]{0,15}$' and coalesce("archives"."options"->>'min_volume', '') ~ '^[1-9][0-9]{0,15}$'
        and case when "archives"."options"->>'shard' is null then true
          when coalesce("archives"."options"#>>'{shard,number}', '') ~ '^[1-9][0-9]{0,15}$' and coalesce("archives"."options"#>>'{shard,of}', '') ~ '^[1-9][0-9]{0,15}$'
          then ("archives"."options"#>>'{shard,number}')::bigint <= ("archives"."options"#>>'{shard,of}')::bigint
          else false end);--> statement-breakpoint
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_completed_well" CHECK ("jobs"."status" <> 'completed' or ("jobs"."attempt" >= 1 and "jobs"."started_at" is not null and "jobs"."error_code" is null));--> statement-breakpoint
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_retries" CHECK ("jobs"."retry_count" <= "jobs"."attempt");--> statement-breakpoint
ALTER TABLE "processing_runs" ADD CONSTRAINT "processing_runs_of_whom" CHECK (case when "processing_runs"."worker_id" is null then coalesce("processing_runs"."outcome", '') in ('cancelled', 'retried') and "processing_runs"."attempt" >= 0
        else "processing_runs"."outcome" is distinct from 'retried' and "processing_runs"."attempt" >= 1 end);--> statement-breakpoint
ALTER TABLE "processing_runs" ADD CONSTRAINT "processing_runs_counts" CHECK ("processing_runs"."orthos_processed" >= 0);