-- name: all_persons
-- Everybody of the site.
select id, email, name, password_hash, site_admin, verified, active, created_at from persons order by created_at, id;

-- name: live_sessions
-- Sessions that still authorise.
select hash, person, team, created_at, expires_at, agent
from sessions where revoked_at is null and expires_at > $now;

-- name: live_tokens
-- API tokens that still authorise.
select id, hash, person, team, name, scopes, created_at from tokens where revoked_at is null;

-- name: person_with_email
-- Who uses an address, apart from one person.
select id from persons
where email = $email and ($other_than::uuid is null or id <> $other_than::uuid);

-- name: add_person
-- A person; verified means that the address was proven to be theirs.
insert into persons (id, email, name, password_hash, site_admin, verified, active, created_at)
values ($id, $email, $name, $password_hash, $site_admin, $verified, true, $now);

-- name: set_profile
-- Change what is not null of a person's address, name and password. Another address is not proven yet.
update persons set
    verified = verified and coalesce($email, email) = email,
    email = coalesce($email, email),
    name = coalesce($name, name),
    password_hash = coalesce($password_hash, password_hash)
where id = $id::uuid
returning id, email, name, password_hash, site_admin, verified, active, created_at;

-- name: forget_password
-- A person signs in by other ways until they set one.
update persons set password_hash = null where id = $id::uuid;

-- name: active_person_with_proven_address
-- Whose address this is, where that was proven.
select id, email, name, password_hash, site_admin, verified, active, created_at
from persons where email = $email and verified and active;

-- name: identity
-- Whose identity at a provider this is.
select person from identities where issuer = $issuer and subject = $subject;

-- name: identities_of
-- Under which identities a person may sign in.
select issuer, subject, since from identities where person = $person::uuid order by since, issuer, subject;

-- name: add_identity
-- A person may sign in with this identity from now on.
insert into identities (issuer, subject, person, since) values ($issuer, $subject, $person, $now);

-- name: remove_identities
-- A person does not sign in with a provider's identities any more.
delete from identities where person = $person::uuid and issuer = $issuer returning subject;

-- name: remove_all_identities
-- A person does not sign in with any identity any more.
delete from identities where person = $person::uuid returning issuer;

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
insert into sign_in_links (hash, person, created_at, expires_at, used_at, mailed_to)
values ($hash, $person, $now, $expires_at, null, $mailed_to);

-- name: live_sign_in_link
-- Whose link this is, while it can be used.
select person, mailed_to from sign_in_links where hash = $hash and used_at is null and expires_at > $now;

-- name: use_sign_in_link
-- Use a link up.
update sign_in_links set used_at = $now where hash = $hash and used_at is null;

-- name: add_audit
-- Remember who did what to what.
insert into audit (happened_at, person, action, subject) values ($now, $person, $action, $subject);

-- name: prove_address
-- The address is this person's, if it is still the one that was proven.
update persons set verified = true
where id = $id::uuid and email = $email and not verified
returning id;

-- name: person_by_id
-- One person.
select id, email, name, password_hash, site_admin, verified, active, created_at from persons where id = $id::uuid;

-- name: newest_audit
-- The end of the audit log.
select happened_at, person, action, subject from audit order by happened_at desc limit $limit;

-- name: told_audit
-- The end of the audit log, with names for the ids of people, teams and jobs.
select a.happened_at, a.person, coalesce(p.name, '') as person_name, a.action,
    coalesce(s.name || ' <' || s.email || '>', t.name, a.subject) as subject
from (select *, try_cast(subject as uuid) as subject_id from audit order by happened_at desc limit $limit) a
left join persons p on p.id = a.person
left join persons s on s.id = a.subject_id
left join teams t on t.id = a.subject_id
order by a.happened_at desc, a.action;
