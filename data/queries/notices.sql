-- name: insert_notices
-- What people shall see under their bells.
insert into notices (id, person, kind, text, job, batch, created_at, read_at)
select unnest($ids::uuid[]), unnest($persons::uuid[]), unnest($kinds::varchar[]), unnest($texts::varchar[]),
    unnest($jobs::uuid[]), unnest($batches::uuid[]), $now, null;

-- name: unread_notices
-- How many notices a person has not read; with a team only those about that team's jobs and batches.
select count(*) as number
from notices n
where n.person = $person::uuid and n.read_at is null
    and ($team::uuid is null or n.job in (select j.id from jobs j where j.team = $team::uuid)
        or n.batch in (select b.id from batches b where b.team = $team::uuid));

-- name: newest_notices
-- A person's notices, newest first; with a team only those about that team's jobs and batches.
select n.id, n.kind, n.text, n.job, n.batch, n.created_at, n.read_at
from notices n
where n.person = $person::uuid
    and ($team::uuid is null or n.job in (select j.id from jobs j where j.team = $team::uuid)
        or n.batch in (select b.id from batches b where b.team = $team::uuid))
order by n.created_at desc, n.id
limit $limit;

-- name: read_notices
-- Mark notices as read: these, or without ids all of one person.
update notices
set read_at = $now
from (
    select unnest($persons::uuid[]) as person, unnest($ids::uuid[]) as id
) asked
where notices.person = asked.person and notices.read_at is null and (asked.id is null or notices.id = asked.id)
returning notices.person;

-- name: delete_notices
-- Remove what was told about deleted jobs and batches.
delete from notices
where job in (select unnest($jobs::uuid[])) or batch in (select unnest($batches::uuid[]))
returning person;

-- name: delete_old_notices
-- Remove notices older than a time.
delete from notices where created_at < $before returning person;

-- name: who_hears
-- Of ended jobs, those whose submitter is still in the team and active, with how they want to hear.
-- Quick jobs and children of batches tell nothing: the one is seen at once, of the others the batch tells.
select j.seq, p.id as person, p.email, p.verified,
    coalesce(w.bell, 'always') as bell, coalesce(w.mail, 'never') as mail, coalesce(w.webhook, 'never') as webhook,
    coalesce(w.webhook_url, '') as webhook_url
from jobs j
join (select unnest($seqs::bigint[]) as seq) ended on j.seq = ended.seq
join persons p on p.id = j.submitter and p.active
join memberships m on m.team = j.team and m.person = j.submitter
left join preferences w on w.person = j.submitter
where j.batch is null and j.cpus_min > 0
    -- DuckDB leaves out what lies outside, and jobs that end together are near each other.
    and j.seq >= list_min($seqs::bigint[]) and j.seq <= list_max($seqs::bigint[])
order by j.seq;

-- name: preferences
-- Where a person hears of the ends of own jobs; no row for who never chose.
select bell, mail, webhook, webhook_url from preferences where person = $person::uuid;

-- name: drop_preferences
-- Forget choices that are about to be replaced.
delete from preferences where person in (select unnest($persons::uuid[]));

-- name: insert_preferences
-- Where people want to hear of the ends of own jobs.
insert into preferences (person, bell, mail, webhook, webhook_url)
select unnest($persons::uuid[]), unnest($bells::varchar[]), unnest($mails::varchar[]), unnest($webhooks::varchar[]),
    unnest($webhook_urls::varchar[]);

-- name: insert_deliveries
-- Mails and webhooks to send at once.
insert into deliveries (id, person, channel, target, subject, body, job, batch, created_at, tries, due_at, problem)
select unnest($ids::uuid[]), unnest($persons::uuid[]), unnest($channels::varchar[]), unnest($targets::varchar[]),
    unnest($subjects::varchar[]), unnest($bodies::varchar[]), unnest($jobs::uuid[]), unnest($batches::uuid[]),
    $now, 0, $now, null;

-- name: due_deliveries
-- What a channel is to send by now, the longest due first.
select id, person, channel, target, subject, body, job, batch, created_at, tries
from deliveries
where channel = $channel and due_at <= $now
order by due_at, created_at, id
limit $limit;

-- name: next_delivery
-- When a channel has something to send next; null for never.
select min(due_at) as due_at from deliveries where channel = $channel;

-- name: delete_deliveries
-- Remove what was sent, or given up.
delete from deliveries where id in (select unnest($ids::uuid[]));

-- name: postpone_deliveries
-- Try these again later.
update deliveries
set tries = deliveries.tries + 1, due_at = p.due_at, problem = p.problem
from (
    select unnest($ids::uuid[]) as id, unnest($due_ats::timestamp[]) as due_at, unnest($problems::varchar[]) as problem
) p
where deliveries.id = p.id;

-- name: delete_deliveries_about
-- Remove what was still to be sent about deleted jobs and batches.
delete from deliveries where job in (select unnest($jobs::uuid[])) or batch in (select unnest($batches::uuid[]));
