-- Room in each page, so that a heartbeat or a change of status finds place for the new row beside the old one; and
-- these two tables are changed so often that a fifth of them is too much to wait for before they are tidied up.
ALTER TABLE "job_locks" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);--> statement-breakpoint
ALTER TABLE "jobs" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
