-- name: accounts
-- Balance and holds of teams.
select id, balance, held from teams where id in (select unnest($teams::uuid[]));

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
-- The newest ledger rows of a team, with the jobs that still exist.
select l.happened_at, l.kind, l.balance, l.held, j.id as job, l.note
from (select * from ledger where team = $team::uuid order by number desc limit $limit) l
left join jobs j on j.seq = l.job_seq
order by l.number desc;
