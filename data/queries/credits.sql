-- name: accounts
-- Balance and holds of teams, with what their members may use and what every month gives.
select id, balance, held, monthly_credits, person_credits from teams where id in (select unnest($teams::uuid[]));

-- name: insert_ledger
-- Appends ledger rows.
insert into ledger (number, team, job_seq, kind, balance, held, happened_at, person, note, key)
select unnest($numbers::bigint[]), unnest($teams::uuid[]), unnest($job_seqs::bigint[]),
    unnest($kinds::ledger_kind[]), unnest($balances::bigint[]), unnest($helds::bigint[]), $now,
    unnest($persons::uuid[]), unnest($notes::varchar[]), unnest($keys::varchar[]);

-- name: move_accounts
-- Adds to balances and holds of teams.
update teams
set balance = teams.balance + m.balance, held = teams.held + m.held
from (
    select unnest($teams::uuid[]) as id, unnest($balances::bigint[]) as balance, unnest($helds::bigint[]) as held
) m
where teams.id = m.id;

-- name: grant_keys
-- Which of these once-only grants were given.
select key from ledger where key in (select unnest($keys::varchar[]));

-- name: ledger_entries
-- The newest ledger rows of a team that fit all filters, with the jobs that still exist. A filter that is empty is none.
select l.number, l.happened_at, l.kind, l.balance, l.held, j.id as job, l.note, l.person, p.name as person_name
from (
    select * from ledger
    where team = $team::uuid
        and (len($kinds::varchar[]) = 0 or kind::varchar in (select unnest($kinds::varchar[])))
        and (len($tools::varchar[]) = 0 or kind <> 'grant' and note in (select unnest($tools::varchar[])))
        and (len($persons::uuid[]) = 0 or person in (select unnest($persons::uuid[])))
        and ($since::timestamp is null or happened_at >= $since::timestamp)
        and ($until::timestamp is null or happened_at < $until::timestamp)
        and ($before::bigint is null or number < $before::bigint)
    order by number desc
    limit $limit
) l
left join jobs j on j.seq = l.job_seq
left join persons p on p.id = l.person
order by l.number desc;

-- name: spent
-- What a team was charged less what was refunded of it, by the day of the charge (UTC), tool and person.
select c.happened_at::date as day, c.note as tool, c.person, coalesce(p.name, '') as person_name,
    sum(-c.balance - coalesce(r.balance, 0))::bigint as credits, count(*) as jobs
from ledger c
left join ledger r on r.job_seq = c.job_seq and r.kind = 'refund'
left join persons p on p.id = c.person
where c.team = $team::uuid and c.kind = 'charge' and c.happened_at >= $since and c.happened_at < $until
group by day, c.note, c.person, p.name
order by day, tool, person_name;

-- name: used
-- What the jobs that persons submitted in teams since a moment hold or were charged, less what came back of it.
select h.team, h.person, sum(l.held - l.balance)::bigint as used
from ledger h
join (select unnest($teams::uuid[]) as team, unnest($persons::uuid[]) as person) asked
    on h.team = asked.team and h.person = asked.person
join ledger l on l.job_seq = h.job_seq
where h.kind = 'hold' and h.happened_at >= $since
group by h.team, h.person;

-- name: due_allowances
-- Teams whose allowance of this month is not in the ledger yet.
select t.id, t.monthly_credits
from teams t
where t.monthly_credits is not null and not exists (
    select 1 from ledger l
    where l.kind = 'grant' and l.happened_at >= $since and l.key = concat('allowance:', t.id, ':', $month::varchar)
)
order by t.created_at, t.id;

-- name: set_allowance
-- What every month gives a team; null for nothing.
update teams set monthly_credits = $credits::integer where id = $team::uuid returning id;

-- name: money_of_teams
-- Every team with its money, in the order of their names.
select id, name, default_visibility, concurrency, monthly_credits, person_credits, balance, held, created_at
from teams
where $team::uuid is null or id = $team::uuid
order by lower(name), created_at, id;
