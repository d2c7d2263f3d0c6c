-- name: all_memberships
-- Who is in which team, with the team's name.
select m.person, m.team, t.name as team_name, m.role
from memberships m join teams t on t.id = m.team
order by m.since, m.team;

-- name: team_by_id
-- A team with its settings and what it has.
select id, name, default_visibility, concurrency, monthly_credits, person_credits, balance, held, created_at
from teams where id = $id::uuid;

-- name: all_teams
-- Every team of the site.
select id, name, default_visibility, concurrency, monthly_credits, person_credits, balance, held, created_at
from teams order by created_at, id;

-- name: team_name
-- What a team is called.
select name from teams where id = $id::uuid;

-- name: add_team
-- A team with an empty balance.
insert into teams (id, name, default_visibility, concurrency, monthly_credits, balance, held, created_at)
values ($id, $name, $visibility::visibility, null, null, 0, 0, $now);

-- name: default_visibilities
-- What teams have chosen for jobs that name no visibility.
select id, default_visibility from teams where id in (select unnest($teams::uuid[]));

-- name: set_team
-- Change what is not null of a team's name and visibility; caps always, because null is a value of theirs.
update teams set
    name = coalesce($name, name),
    default_visibility = coalesce($visibility::visibility, default_visibility),
    person_credits = $person_credits,
    concurrency = $concurrency
where id = $id::uuid
returning id, name, default_visibility, concurrency, monthly_credits, person_credits, balance, held, created_at;

-- name: add_membership
-- A person's role in a team.
insert into memberships (team, person, role, since) values ($team, $person, $role::team_role, $now);

-- name: members
-- The people of a team, the longest there first.
select m.person, p.name, p.email, m.role, p.verified, p.active, p.site_admin, m.since
from memberships m join persons p on p.id = m.person
where m.team = $team::uuid
order by m.since, m.person;

-- name: teams_of_person
-- The teams of a person, the longest there first.
select team, role from memberships where person = $person::uuid order by since, team;

-- name: set_role
-- Give a member another role.
update memberships set role = $role::team_role where team = $team::uuid and person = $person::uuid;

-- name: remove_membership
-- A person leaves a team.
delete from memberships where team = $team::uuid and person = $person::uuid;

-- name: hand_over_jobs
-- Jobs of one member become another's, also those that run.
update jobs set submitter = $heir::uuid
where team = $team::uuid and submitter = $person::uuid
returning id, seq, visibility, status, progress, step, attempt, batch;

-- name: hand_over_uploads
-- Files of one member become another's.
update files set owner = $heir::uuid where team = $team::uuid and owner = $person::uuid;

-- name: end_sessions_in_team
-- Sessions of a person that act in a team end.
update sessions set revoked_at = $now
where person = $person::uuid and team = $team::uuid and revoked_at is null
returning hash;

-- name: end_tokens_of_team
-- Tokens of a person for a team end.
update tokens set revoked_at = $now
where person = $person::uuid and team = $team::uuid and revoked_at is null
returning hash;

-- name: end_sessions_of_person
-- All sessions of a person end.
update sessions set revoked_at = $now where person = $person::uuid and revoked_at is null returning hash;

-- name: end_tokens_of_person
-- All tokens of a person end.
update tokens set revoked_at = $now where person = $person::uuid and revoked_at is null returning hash;

-- name: set_active
-- Switch a person on or off, where they are not so already.
update persons set active = $active
where id = $id::uuid and active <> $active
returning id;

-- name: other_site_admins
-- Who else runs the site.
select id from persons where site_admin and active and id <> $person::uuid;

-- name: move_session
-- A session acts in another team from now on.
update sessions set team = $team where hash = $hash and revoked_at is null returning hash;
