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
