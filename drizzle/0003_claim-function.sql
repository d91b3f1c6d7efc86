-- A claim as a function: its statements are planned once in each connection of the server, also behind a pooler, where
-- nothing can be prepared. Planning them anew was half of what a claim cost.
--
-- The next job that waits, as a new attempt: texts before merges, then as they came; no row when there is none.
--   only_id      only this job; null for any
--   most_text    most bytes of a text, most_merge: of a merge
--   all_merges   also merges that nobody has asked for by submitting texts as one: those of of_dims and of_volume, or of
--                any options where of_volume is null
-- skip locked lets each of many claimers go on to the next job at once; a row that another has claimed and let go of in
-- between is looked at again before it counts.
CREATE FUNCTION claim_job(by_worker text, with_token uuid, only_id uuid, most_text bigint, most_merge bigint,
  all_merges boolean, of_dims text, of_volume text) RETURNS SETOF jobs LANGUAGE plpgsql AS $$
DECLARE
  next_id uuid;
BEGIN
  SELECT id INTO next_id FROM jobs
    WHERE status = 'pending' AND job_type <> 'archive_merge' AND size_bytes <= most_text AND only_id IS NULL
    ORDER BY (job_type = 'archive_merge'), position LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF next_id IS NULL AND only_id IS NOT NULL THEN
    SELECT id INTO next_id FROM jobs
      WHERE id = only_id AND status = 'pending' AND job_type <> 'archive_merge' AND size_bytes <= most_text
      FOR UPDATE SKIP LOCKED;
  END IF;
  IF next_id IS NULL THEN
    SELECT j.id INTO next_id FROM jobs j
      WHERE j.status = 'pending' AND j.job_type = 'archive_merge' AND j.size_bytes <= most_merge
        AND (only_id IS NULL OR j.id = only_id)
        AND (j.batch IS NOT NULL
          OR EXISTS (SELECT FROM archives a WHERE a.reserved_by = j.id AND a.family IS NOT NULL)
          OR all_merges AND (of_volume IS NULL
            OR j.options->>'max_dims' IS NOT DISTINCT FROM of_dims AND j.options->>'min_volume' = of_volume))
      ORDER BY (j.job_type = 'archive_merge'), j.position LIMIT 1 FOR UPDATE SKIP LOCKED;
  END IF;
  IF next_id IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
    WITH taken AS (
      UPDATE jobs SET status = 'processing', worker_id = by_worker, attempt = attempt + 1, started_at = now(),
        heartbeat_at = now()
      WHERE id = next_id
      RETURNING *
    ), locked AS (
      INSERT INTO job_locks (job_id, worker_id, attempt, claim_token)
      SELECT id, worker_id, attempt, with_token FROM taken
    ), run AS (
      INSERT INTO processing_runs (job_id, worker_id, attempt) SELECT id, worker_id, attempt FROM taken
    )
    SELECT * FROM taken;
END $$;
