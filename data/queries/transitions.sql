-- name: claim_jobs
-- A run becomes the owner of the present attempt, if nobody is yet.
update jobs
set status = 'processing', run_id = c.run_id, worker = c.worker, started_at = coalesce(jobs.started_at, $now),
    progress = null, step = null, note = null
from (
    select unnest($seqs::bigint[]) as seq, unnest($jobs::uuid[]) as id, unnest($attempts::integer[]) as attempt,
        unnest($run_ids::uuid[]) as run_id, unnest($workers::varchar[]) as worker
) c
where jobs.seq = c.seq and jobs.id = c.id and jobs.attempt = c.attempt and jobs.status in ('pending', 'retry')
returning jobs.*;

-- name: insert_attempts
-- Records accepted runs.
insert into attempts (seq, attempt, run_id, worker, cpus, started_at, steps)
select unnest($seqs::bigint[]), unnest($attempts::integer[]), unnest($run_ids::uuid[]), unnest($workers::varchar[]),
    unnest($cpus::integer[]), $now, '[]';

-- name: owners
-- Who owns which attempt of processing jobs now.
select j.seq, j.id, j.attempt, j.run_id
from jobs j join (select unnest($seqs::bigint[]) as seq) asked on j.seq = asked.seq
where j.status = 'processing';

-- name: progress_jobs
-- The owner tells how far it is.
update jobs
set progress = p.progress, step = p.step, note = p.note
from (
    select unnest($seqs::bigint[]) as seq, unnest($jobs::uuid[]) as id, unnest($run_ids::uuid[]) as run_id,
        unnest($progresses::float[]) as progress, unnest($steps::varchar[]) as step, unnest($notes::varchar[]) as note
) p
where jobs.seq = p.seq and jobs.id = p.id and jobs.run_id = p.run_id and jobs.status = 'processing'
returning jobs.*;

-- name: progress_attempts
-- The steps of runs as they are now.
update attempts
set steps = p.steps
from (
    select unnest($seqs::bigint[]) as seq, unnest($run_ids::uuid[]) as run_id, unnest($steps::varchar[]) as steps
) p
where attempts.seq = p.seq and attempts.run_id = p.run_id;

-- name: finish_jobs
-- The owner's outcome ends the job.
update jobs
set status = o.status, ended_at = $now, error_kind = o.error_kind, error_message = o.error_message,
    log_tail = o.log_tail, note = null, progress = case when o.status = 'completed' then 100 else jobs.progress end
from (
    select unnest($seqs::bigint[]) as seq, unnest($jobs::uuid[]) as id, unnest($attempts::integer[]) as attempt,
        unnest($run_ids::uuid[]) as run_id, unnest($statuses::job_status[]) as status,
        unnest($error_kinds::varchar[]) as error_kind, unnest($error_messages::varchar[]) as error_message,
        unnest($log_tails::varchar[]) as log_tail
) o
where jobs.seq = o.seq and jobs.id = o.id and jobs.attempt = o.attempt and jobs.run_id = o.run_id
    and jobs.status = 'processing'
returning jobs.*;

-- name: end_attempts
-- Records how runs ended; null leaves steps and usage as they are.
update attempts
set ended_at = $now, ending = e.ending, steps = coalesce(e.steps, attempts.steps),
    usage = coalesce(e.usage, attempts.usage)
from (
    select unnest($seqs::bigint[]) as seq, unnest($run_ids::uuid[]) as run_id, unnest($endings::varchar[]) as ending,
        unnest($steps::varchar[]) as steps, unnest($usages::varchar[]) as usage
) e
where attempts.seq = e.seq and attempts.run_id = e.run_id;

-- name: insert_results
-- Writes what came out.
insert into results (seq, summary, warnings, tables, files)
select unnest($seqs::bigint[]), unnest($summaries::varchar[]), unnest($warnings::varchar[]),
    unnest($tables::varchar[]), unnest($files::varchar[]);

-- name: prices
-- The price lines of jobs.
select s.seq, s.price
from submissions s join (select unnest($seqs::bigint[]) as seq) asked on s.seq = asked.seq;

-- name: again_jobs
-- A lost run: the next attempt, where the lost one is the present one. An attempt that never ran keeps its status.
update jobs
set status = (case when jobs.status = 'processing' then 'retry' else jobs.status::varchar end)::job_status,
    attempt = jobs.attempt + 1, retries = jobs.retries + l.used,
    run_id = null, worker = null, progress = null, step = null, note = l.reason
from (
    select unnest($seqs::bigint[]) as seq, unnest($jobs::uuid[]) as id, unnest($attempts::integer[]) as attempt,
        unnest($run_ids::uuid[]) as run_id, unnest($useds::integer[]) as used,
        unnest($max_retries::integer[]) as max_retries, unnest($reasons::varchar[]) as reason
) l
where jobs.seq = l.seq and jobs.id = l.id and jobs.attempt = l.attempt and not jobs.cancel_requested
    and jobs.retries + l.used <= l.max_retries
    and (jobs.status = 'processing' and jobs.run_id = l.run_id
        or jobs.status in ('pending', 'retry') and l.run_id is null)
returning jobs.*;

-- name: lost_jobs
-- A lost run after which there is no further attempt: cancelled where that was asked for, otherwise failed.
update jobs
set status = (case when jobs.cancel_requested then 'cancelled' else 'failed' end)::job_status, ended_at = $now,
    error_kind = case when jobs.cancel_requested then null else 'platform' end,
    error_message = case when jobs.cancel_requested then null else l.reason end, note = null
from (
    select unnest($seqs::bigint[]) as seq, unnest($jobs::uuid[]) as id, unnest($attempts::integer[]) as attempt,
        unnest($run_ids::uuid[]) as run_id, unnest($useds::integer[]) as used,
        unnest($max_retries::integer[]) as max_retries, unnest($reasons::varchar[]) as reason
) l
where jobs.seq = l.seq and jobs.id = l.id and jobs.attempt = l.attempt
    and (jobs.cancel_requested or jobs.retries + l.used > l.max_retries)
    and (jobs.status = 'processing' and jobs.run_id = l.run_id
        or jobs.status in ('pending', 'retry') and l.run_id is null)
returning jobs.*;

-- name: cancel_waiting
-- Cancels jobs that do not run.
update jobs
set status = 'cancelled', ended_at = $now, note = null
from (select unnest($seqs::bigint[]) as seq) c
where jobs.seq = c.seq and jobs.status in ('queued', 'pending', 'retry')
returning jobs.*;

-- name: request_cancel
-- Marks running jobs for their supervisors.
update jobs
set cancel_requested = true
from (select unnest($seqs::bigint[]) as seq) c
where jobs.seq = c.seq and jobs.status = 'processing' and not jobs.cancel_requested
returning jobs.*;

-- name: refuse_jobs
-- Fails jobs whose present attempt cannot be started.
update jobs
set status = 'failed', ended_at = $now, error_kind = r.error_kind, error_message = r.error_message,
    log_tail = r.log_tail, note = null
from (
    select unnest($seqs::bigint[]) as seq, unnest($attempts::integer[]) as attempt,
        unnest($error_kinds::varchar[]) as error_kind, unnest($error_messages::varchar[]) as error_message,
        unnest($log_tails::varchar[]) as log_tail
) r
where jobs.seq = r.seq and jobs.attempt = r.attempt and jobs.status in ('pending', 'retry')
returning jobs.*;

-- name: rename_jobs
-- Gives jobs other names.
update jobs
set name = r.name
from (select unnest($seqs::bigint[]) as seq, unnest($names::varchar[]) as name) r
where jobs.seq = r.seq
returning jobs.*;

-- name: delete_jobs
-- Removes jobs that have ended.
delete from jobs
where seq in (select unnest($seqs::bigint[])) and status in ('completed', 'failed', 'cancelled', 'timeout')
returning jobs.*;

-- name: delete_submissions
-- Removes what was asked for.
delete from submissions where seq in (select unnest($seqs::bigint[]));

-- name: delete_attempts
-- Removes the records of runs.
delete from attempts where seq in (select unnest($seqs::bigint[]));

-- name: delete_results
-- Removes what came out.
delete from results where seq in (select unnest($seqs::bigint[]));

-- name: delete_history
-- Removes the transitions.
delete from history where seq in (select unnest($seqs::bigint[]));

-- name: delete_shares
-- Removes the invitations to deleted jobs.
delete from invitations where job in (select unnest($jobs::uuid[]));
