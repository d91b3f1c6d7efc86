DROP INDEX "jobs_refused_merges";--> statement-breakpoint
CREATE INDEX "jobs_refused_merges" ON "jobs" USING hash ("inputs") WHERE "jobs"."status" = 'failed' and "jobs"."job_type" = 'archive_merge';