-- name: known_keys
-- Which of these idempotency keys were used lately, and for which job.
select k.key, k.person, k.team, k.body_hash, k.job
from idempotency k
join (select unnest($keys::varchar[]) as key, unnest($persons::uuid[]) as person, unnest($teams::uuid[]) as team) asked
    on k.key = asked.key and k.person = asked.person and k.team = asked.team
where k.created_at > $since;

-- name: forget_old_keys
-- Removes idempotency keys older than a day.
delete from idempotency where created_at <= $since;

-- name: insert_keys
-- Remembers idempotency keys.
insert into idempotency (key, person, team, body_hash, job, created_at)
select unnest($keys::varchar[]), unnest($persons::uuid[]), unnest($teams::uuid[]), unnest($hashes::varchar[]),
    unnest($jobs::uuid[]), $now;

-- name: insert_jobs
-- Writes submitted jobs.
insert into jobs (
    seq, id, team, submitter, tool, name, status, visibility, credits, attempt, retries, cancel_requested,
    cpus_min, cpus_max, memory_mb, gpus, timeout_s, created_at
)
select unnest($seqs::bigint[]), unnest($ids::uuid[]), unnest($teams::uuid[]), unnest($submitters::uuid[]),
    unnest($tools::varchar[]), unnest($names::varchar[]), 'pending', unnest($visibilities::visibility[]),
    unnest($credits::integer[]), 1, 0, false,
    unnest($cpus_mins::integer[]), unnest($cpus_maxs::integer[]), unnest($memories::integer[]),
    unnest($gpus::integer[]), unnest($timeouts::integer[]), $now;

-- name: insert_submissions
-- Writes what was asked for.
insert into submissions (seq, inputs, settings, price)
select unnest($seqs::bigint[]), unnest($inputs::varchar[]), unnest($settings::varchar[]), unnest($prices::varchar[]);

-- name: insert_history
-- Appends transitions.
insert into history (seq, happened_at, from_status, to_status, attempt, note)
select unnest($seqs::bigint[]), $now, unnest($olds::job_status[]), unnest($news::job_status[]),
    unnest($attempts::integer[]), unnest($notes::varchar[]);
