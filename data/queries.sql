-- Every statement that the store runs: a name, what it does in a sentence, one statement.
--
-- Set-based: a list parameter holds one value for each row ($seqs, $jobs, ...). `seq` is carried wherever it is known,
-- because finding a row by it is cheaper than by its id. Old states stand in the conditions.

-- Store --------------------------------------------------------------------------------------------------------

-- name: last_number
-- The highest number ever given; a deleted job's number may live on in the ledger.
select greatest(
    (select coalesce(max(seq), 0) from jobs),
    (select coalesce(max(seq), 0) from files),
    (select coalesce(max(greatest(number, coalesce(job_seq, 0))), 0) from ledger)
) as number;

-- name: count_commit
-- Counts a transaction; part of every one.
update commits set number = number + 1 returning number;

-- Submit -------------------------------------------------------------------------------------------------------

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
-- Writes submitted jobs as pending.
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

-- Transitions --------------------------------------------------------------------------------------------------

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

-- Reading jobs -------------------------------------------------------------------------------------------------

-- name: jobs_by_id
-- Jobs by their public ids.
select j.*, p.name as submitter_name
from (select * from jobs where id in (select unnest($jobs::uuid[]))) j
left join persons p on p.id = j.submitter;

-- name: person_names
-- What persons are called.
select id, name from persons where id in (select unnest($persons::uuid[]));

-- name: page_jobs
-- The newest jobs of a team under a filter, before a number.
select j.*, p.name as submitter_name
from (
    select * from jobs
    where team = $team::uuid
        and ($before is null or seq < $before)
        and ($tool is null or tool = $tool)
        and (len($statuses) = 0 or list_contains($statuses::job_status[], status))
        and ($submitter is null or submitter = $submitter::uuid)
        and ($q is null or contains(lower(name), lower($q)))
    order by seq desc
    limit $limit
) j
left join persons p on p.id = j.submitter
order by j.seq desc;

-- name: count_jobs
-- How many jobs of a team have which status under a filter.
select status, count(*) as jobs from jobs
where team = $team::uuid
    and ($tool is null or tool = $tool)
    and (len($statuses) = 0 or list_contains($statuses::job_status[], status))
    and ($submitter is null or submitter = $submitter::uuid)
    and ($q is null or contains(lower(name), lower($q)))
group by status;

-- name: submitters
-- Who has submitted jobs in a team.
select s.submitter as id, coalesce(p.name, '') as name
from (select distinct submitter from jobs where team = $team::uuid) s
left join persons p on p.id = s.submitter
order by name, id;

-- name: waiting_jobs
-- The oldest jobs that wait, so many of each person in each team and lane (quick jobs take no cpus).
select j.*, p.name as submitter_name
from (
    select * from jobs
    where status in ('pending', 'retry')
    qualify row_number() over (partition by team, submitter, cpus_min = 0 order by seq) <= $per_person
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

-- Ledger -------------------------------------------------------------------------------------------------------

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

-- Uploads ------------------------------------------------------------------------------------------------------

-- name: add_uploads
-- Register uploads whose bytes are on disk.
insert into files (id, seq, team, owner, name, size, sha256, format, visibility, created_at)
select unnest($id::uuid[]), unnest($seq::bigint[]), unnest($team::uuid[]), unnest($owner::uuid[]),
    unnest($name::varchar[]), unnest($size::bigint[]), unnest($sha256::varchar[]), unnest($format::varchar[]),
    unnest($visibility::visibility[]), unnest($created_at::timestamp[]);

-- name: upload_by_id
-- One upload that was not deleted.
select id, team, owner, name, size, sha256, format, created_at from files
where id = $id::uuid and deleted_at is null;

-- name: uploads_of_team
-- One person's newest uploads in a team, of some formats (null: all).
select id, team, owner, name, size, sha256, format, created_at from files
where team = $team::uuid and owner = $owner::uuid and deleted_at is null
    and ($formats is null or list_contains($formats::varchar[], format))
order by seq desc limit $limit;

-- People -------------------------------------------------------------------------------------------------------

-- name: all_persons
-- Everybody of the site.
select id, email, name, password_hash, site_admin, verified, active from persons order by created_at, id;

-- name: all_memberships
-- Who is in which team, with the team's name.
select m.person, m.team, t.name as team_name, m.role
from memberships m join teams t on t.id = m.team
order by m.since, m.team;

-- name: live_sessions
-- Sessions that still authorise.
select hash, person, team, created_at, expires_at, agent
from sessions where revoked_at is null and expires_at > $now;

-- name: live_tokens
-- API tokens that still authorise.
select id, hash, person, team, name, scopes, created_at from tokens where revoked_at is null;

-- name: team_name
-- What a team is called.
select name from teams where id = $id::uuid;

-- name: person_with_email
-- Who uses an address, apart from one person.
select id from persons
where email = $email and ($other_than::uuid is null or id <> $other_than::uuid);

-- name: add_person
-- A person; verified means that the address was proven, which nothing here does.
insert into persons (id, email, name, password_hash, site_admin, verified, active, created_at)
values ($id, $email, $name, $password_hash, $site_admin, false, true, $now);

-- name: add_team
-- A team with an empty balance.
insert into teams (id, name, default_visibility, concurrency, monthly_credits, balance, held, created_at)
values ($id, $name, $visibility::visibility, null, null, 0, 0, $now);

-- name: default_visibilities
-- What teams have chosen for jobs that name no visibility.
select id, default_visibility from teams where id in (select unnest($teams::uuid[]));

-- name: add_membership
-- A person's role in a team.
insert into memberships (team, person, role, since) values ($team, $person, $role::team_role, $now);

-- name: set_profile
-- Change what is not null of a person's address, name and password.
update persons set
    email = coalesce($email, email),
    name = coalesce($name, name),
    password_hash = coalesce($password_hash, password_hash)
where id = $id::uuid
returning id, email, name, password_hash, site_admin, verified, active;

-- name: add_session
-- A session that authorises from now on.
insert into sessions (hash, person, team, created_at, expires_at, agent, revoked_at)
values ($hash, $person, $team, $now, $expires_at, $agent, null);

-- name: revoke_sessions
-- End these sessions.
update sessions set revoked_at = $now
where revoked_at is null and hash in (select unnest($hashes::varchar[]))
returning hash, person;

-- name: add_token
-- An API token that authorises from now on.
insert into tokens (id, hash, person, team, name, scopes, created_at, revoked_at)
values ($id, $hash, $person, $team, $name, $scopes, $now, null);

-- name: revoke_token
-- End a token.
update tokens set revoked_at = $now where id = $id::uuid and revoked_at is null returning id;

-- name: end_sign_in_links
-- A person's unused links end.
update sign_in_links set expires_at = $now
where person = $person::uuid and used_at is null and expires_at > $now;

-- name: add_sign_in_link
-- A link that signs a person in once.
insert into sign_in_links (hash, person, created_at, expires_at, used_at)
values ($hash, $person, $now, $expires_at, null);

-- name: live_sign_in_link
-- Whose link this is, while it can be used.
select person from sign_in_links where hash = $hash and used_at is null and expires_at > $now;

-- name: use_sign_in_link
-- Use a link up.
update sign_in_links set used_at = $now where hash = $hash and used_at is null;

-- name: add_audit
-- Remember who did what to what.
insert into audit (happened_at, person, action, subject) values ($now, $person, $action, $subject);

-- name: newest_audit
-- The end of the audit log.
select happened_at, person, action, subject from audit order by happened_at desc limit $limit;
