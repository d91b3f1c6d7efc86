-- The role that workers log in with: it reads and writes rows, and can neither make, change nor drop a table.
-- To be run by the owner of the database after `fold db migrate`, and again after each later one:
--
--   psql "$DATABASE_URL" -v role=fold_worker -f scripts/database-roles.sql
--   psql "$DATABASE_URL" -c '\password fold_worker'
--
-- Then give workers a DATABASE_URL with that role; the owner's is needed for `fold db migrate` alone.
-- All of it or nothing, and at once: workers that are at work must not find themselves without a right in between.
\set ON_ERROR_STOP on
begin;
select format('create role %I login', :'role')
where not exists (select from pg_roles where rolname = :'role') \gexec

revoke create on schema public from public;
revoke all on all tables in schema public from :"role";
grant usage on schema public to :"role";
-- An archive is marked as deleted, and what has happened has happened: their rows stay, and so do those of jobs.
grant select, insert, update on jobs, archives, processing_runs to :"role";
grant select, insert, update, delete on job_locks to :"role";
grant usage on sequence jobs_position_seq to :"role";
-- Everybody may call functions, unless somebody has taken that right away.
grant execute on function claim_job(text, uuid, uuid, bigint, bigint, boolean, text, text) to :"role";
-- To see which fleet this is, and whether the tables are those that the program knows.
grant select on fleet, fold_migrations to :"role";
commit;
