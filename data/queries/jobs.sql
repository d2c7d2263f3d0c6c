-- name: jobs_by_id
-- Jobs by their public ids.
select j.*, p.name as submitter_name
from (select * from jobs where id in (select unnest($jobs::uuid[]))) j
left join persons p on p.id = j.submitter;

-- name: person_names
-- What persons are called.
select id, name from persons where id in (select unnest($persons::uuid[]));

-- name: page_jobs
-- The newest jobs under some conditions. Only their numbers are sorted: whole rows would be read for each that fits.
select j.*, p.name as submitter_name
from (
    select * from jobs
    where seq in (select seq from jobs where true /* and so on */ order by seq desc limit $limit)
) j
left join persons p on p.id = j.submitter
order by j.seq desc;

-- name: count_jobs
-- How many jobs have which status under some conditions.
select status, count(*) as jobs from jobs where true /* and so on */ group by status;

-- name: submitters
-- Who has submitted jobs under some conditions.
select s.submitter as id, coalesce(p.name, '') as name
from (select distinct submitter from jobs where true /* and so on */) s
left join persons p on p.id = s.submitter
order by name, id;

-- name: waiting_jobs
-- The oldest jobs that wait in the lanes that are asked for (quick jobs take no cpus), so many of each batch, or single
-- ones, of each person in each team.
select j.*, p.name as submitter_name
from (
    select * from jobs
    where status in ('pending', 'retry') and if(cpus_min = 0, $quick, $slots)
    qualify row_number() over (partition by team, submitter, batch, cpus_min = 0 order by seq) <= $per_person
) j
left join persons p on p.id = j.submitter
order by j.seq;

-- name: count_ahead
-- How many jobs wait for a slot that came earlier.
select count(*) as jobs from jobs where status in ('pending', 'retry') and cpus_min > 0 and seq < $seq;

-- name: processing_jobs
-- Jobs that have an owner.
select j.*, p.name as submitter_name
from (select * from jobs where status = 'processing') j
left join persons p on p.id = j.submitter
order by j.seq;

-- name: live_counts
-- How many jobs of everybody are in which status that is not an end.
select status, count(*) as jobs from jobs
where status in ('queued', 'pending', 'processing', 'retry')
group by status;

-- name: submission
-- What was asked for.
select inputs, settings, price from submissions where seq = $seq;

-- name: last_attempt
-- The newest accepted run of a job.
select steps, usage from attempts where seq = $seq order by attempt desc, started_at desc limit 1;

-- name: result
-- What came out.
select summary, warnings, tables, files from results where seq = $seq;

-- name: history
-- A job's transitions in order.
select happened_at, from_status, to_status, attempt, note from history where seq = $seq order by happened_at, rowid;

-- name: refunded
-- What a job gave back.
select coalesce(sum(balance), 0)::bigint as credits from ledger where job_seq = $seq and kind = 'refund';
