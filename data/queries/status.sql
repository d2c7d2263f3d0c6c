-- name: waiting_needs
-- What everybody's waiting jobs need, in groups: how many, and since when the oldest of each waits.
select
    status = 'queued' as queued, cpus_min, memory_mb, gpus, count(*) as jobs, min(created_at) as oldest
from jobs
where status in ('queued', 'pending', 'retry')
group by all
order by all;

-- name: ended_since
-- How many jobs of everybody ended since a time, by status.
select status, count(*) as jobs from jobs where ended_at >= $since group by status;

-- name: median_wait
-- Seconds from submit to first start of everybody's jobs that took cpus and started since a time; null without any.
select median(epoch(started_at) - epoch(created_at)) as seconds
from jobs
where started_at >= $since and cpus_min > 0;
