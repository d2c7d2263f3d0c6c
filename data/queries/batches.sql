-- name: insert_batches
-- Writes submitted batches.
insert into batches (
    seq, id, team, submitter, tool, name, visibility, settings, inputs, wells, request, left_out, concurrency, created_at
)
select unnest($seqs::bigint[]), unnest($ids::uuid[]), unnest($teams::uuid[]), unnest($submitters::uuid[]),
    unnest($tools::varchar[]), unnest($names::varchar[]), unnest($visibilities::visibility[]),
    unnest($settings::varchar[]), unnest($inputs::varchar[]), unnest($wells::integer[]), unnest($requests::varchar[]),
    unnest($left_outs::varchar[]), unnest($concurrencies::integer[]), $now;

-- name: insert_children
-- Writes jobs of one batch, which wait until their team may have another.
insert into jobs (
    seq, id, well, name, credits, batch, team, submitter, tool, status, visibility, attempt, retries,
    cancel_requested, cpus_min, cpus_max, memory_mb, gpus, timeout_s, created_at
)
select unnest($seqs::bigint[]), unnest($ids::uuid[]), unnest($wells::integer[]), unnest($names::varchar[]),
    unnest($credits::integer[]), $batch::uuid, $team::uuid, $submitter::uuid, $tool::varchar, 'queued',
    $visibility::visibility, 1, 0, false, $cpus_min::integer, $cpus_max::integer, $memory::integer, $gpus::integer,
    $timeout::integer, $now;

-- name: insert_submissions_of_children
-- Writes what was asked for, with the settings that they all have.
insert into submissions (seq, inputs, settings, price)
select unnest($seqs::bigint[]), unnest($inputs::varchar[]), $settings::varchar, unnest($prices::varchar[]);

-- name: insert_history_of_children
-- Appends the beginning of each.
insert into history (seq, happened_at, from_status, to_status, attempt, note)
select seq, $now, null, 'queued', 1, 'submitted' from range($first::bigint, $last::bigint + 1) numbers(seq);

-- name: hold_for_children
-- Appends what each of them holds.
insert into ledger (number, team, job_seq, kind, balance, held, happened_at, person, note, key)
select unnest($numbers::bigint[]), $team::uuid, unnest($seqs::bigint[]), 'hold', 0, unnest($credits::bigint[]), $now,
    $person::uuid, $note::varchar, null;

-- name: open_batches
-- The batches of teams that have not ended, and how many children of them all may be alive outside the queue.
select b.id, b.seq, b.team, coalesce(t.concurrency, b.concurrency) as most
from batches b join teams t on t.id = b.team
where b.team in (select unnest($teams::uuid[])) and b.ended_at is null;

-- name: alive_in_batches
-- How many children of batches are alive, in the queue and outside of it. $first, the least number of the batches,
-- lets older jobs be left out.
select batch, count(*) filter (status = 'queued') as queued, count(*) filter (status <> 'queued') as live
from jobs
where batch in (select unnest($batches::uuid[])) and status in ('queued', 'pending', 'processing', 'retry')
    and seq >= $first
group by batch;

-- name: open_children
-- The next queued children of a team wait for a slot: in turns of its people, and of each one's batches; $first as
-- above.
update jobs set status = 'pending'
where seq >= $first and seq in (
    select q.seq
    from (
        select seq, submitter, row_number() over (partition by submitter order by place, seq) as turn
        from (
            select seq, submitter, row_number() over (partition by batch order by seq) as place
            from jobs where team = $team::uuid and status = 'queued' and seq >= $first
            qualify place <= $room
        )
    ) q
    left join (
        select submitter, count(*) as jobs from jobs
        where team = $team::uuid and batch is not null and status in ('pending', 'processing', 'retry')
            and seq >= $first
        group by submitter
    ) live on live.submitter = q.submitter
    order by q.turn + coalesce(live.jobs, 0), q.seq
    limit $room
)
returning jobs.*;

-- name: end_batches
-- Batches of which no child is alive any more have ended.
update batches set ended_at = $now
where id in (select unnest($batches::uuid[])) and ended_at is null
returning seq, id, tool, name;

-- name: reopen_batches
-- Children were retried.
update batches set ended_at = null where id in (select unnest($batches::uuid[]));

-- name: leave_wells
-- Children that ended without a result make room in their wells; others keep theirs.
update jobs set well = null
where seq in (select unnest($seqs::bigint[])) and well is not null and status in ('failed', 'cancelled', 'timeout')
returning jobs.*;

-- name: batches_by_id
-- Batches by their public ids.
select b.*, p.name as submitter_name
from batches b left join persons p on p.id = b.submitter
where b.id in (select unnest($batches::uuid[]));

-- name: page_batches
-- The newest batches under some conditions.
select b.*, p.name as submitter_name
from (select * from batches where true /* and so on */ order by seq desc limit $limit) b
left join persons p on p.id = b.submitter
order by b.seq desc;

-- name: count_wells
-- How many wells of batches have which status; $first as above.
select batch, status, count(*) as jobs from jobs
where batch in (select unnest($batches::uuid[])) and well is not null and seq >= $first
group by batch, status;

-- name: money_of_batches
-- What the jobs of batches hold or have cost, and what came back of it; $first as above.
select j.batch, coalesce(sum(l.held - l.balance) filter (l.kind <> 'refund'), 0)::bigint as credits,
    coalesce(sum(l.balance) filter (l.kind = 'refund'), 0)::bigint as refunded
from (select seq, batch from jobs where batch in (select unnest($batches::uuid[])) and seq >= $first) j
join ledger l on l.job_seq = j.seq and l.number >= $first
group by j.batch;

-- name: wells
-- The job in each well of a batch, with its result; $first as above. The id as text: it is quicker made here.
select j.well, j.id::varchar as id, j.name, j.status, j.progress, j.cancel_requested, j.credits,
    coalesce(l.balance, 0)::bigint as refunded, j.error_kind, j.error_message, j.started_at, j.ended_at, r.summary, r.warnings
from (select * from jobs where batch = $batch::uuid and well is not null and seq >= $first) j
left join results r on r.seq = j.seq
left join ledger l on l.job_seq = j.seq and l.kind = 'refund' and l.number >= $first
order by j.well;

-- name: children
-- All jobs of batches, also those that a retry has put out of their wells; $first as above.
select j.*, p.name as submitter_name
from (select * from jobs where batch in (select unnest($batches::uuid[])) and seq >= $first) j
left join persons p on p.id = j.submitter
order by j.seq;

-- name: first_child
-- The oldest job of a batch; $first as above.
select * from jobs
where seq >= $first and seq = (select min(seq) from jobs where batch = $batch::uuid and seq >= $first);

-- name: requests
-- What the job.json of children holds.
select j.id, j.name, j.credits, s.inputs, b.request
from (select * from jobs where seq in (select unnest($seqs::bigint[]))) j
join submissions s on s.seq = j.seq
join batches b on b.id = j.batch;

-- name: inputs_of
-- What jobs were given.
select seq, inputs from submissions
where seq in (select unnest($seqs::bigint[])) and seq between list_min($seqs::bigint[]) and list_max($seqs::bigint[]);

-- name: children_alive
-- The children of batches that have not ended.
select seq, status from jobs
where batch in (select unnest($batches::uuid[])) and status in ('queued', 'pending', 'processing', 'retry');

-- name: rename_batches
-- Gives batches other names.
update batches
set name = r.name
from (select unnest($seqs::bigint[]) as seq, unnest($names::varchar[]) as name) r
where batches.seq = r.seq;

-- name: delete_batches
-- Removes batches that have ended.
delete from batches
where id in (select unnest($batches::uuid[])) and ended_at is not null
returning id;

-- name: show_batch
-- A batch is seen by others than before.
update batches set visibility = $visibility::visibility where id = $batch::uuid;

-- name: show_children
-- The children of a batch are seen like it.
update jobs set visibility = $visibility::visibility where batch = $batch::uuid;

-- name: hand_over_batches
-- Batches of one member become another's.
update batches set submitter = $heir::uuid where team = $team::uuid and submitter = $person::uuid;

-- name: delete_shares_of_batches
-- Removes the invitations to deleted batches.
delete from invitations where batch in (select unnest($batches::uuid[]));

-- name: who_hears_of_batches
-- Of ended batches, those whose submitter is still in the team and active, with how they want to hear.
select b.id as batch, p.id as person, p.email, p.verified,
    coalesce(w.bell, 'always') as bell, coalesce(w.mail, 'never') as mail, coalesce(w.webhook, 'never') as webhook,
    coalesce(w.webhook_url, '') as webhook_url
from batches b
join persons p on p.id = b.submitter and p.active
join memberships m on m.team = b.team and m.person = b.submitter
left join preferences w on w.person = b.submitter
where b.id in (select unnest($batches::uuid[]));
