-- name: accepted_invitations
-- Who has taken up an invitation to a job or a batch that was not withdrawn.
select person, job, batch from invitations
where person is not null and revoked_at is null and team is null;

-- name: add_invitation
-- An invitation of an address to a team.
insert into invitations (id, email, team, job, batch, role, invited_by, person, created_at)
values ($id, $email, $team, null, null, $role::team_role, $invited_by, null, $now);

-- name: invitation_by_id
-- An invitation that was not withdrawn, with what it is to and by whom.
select i.id, i.email, i.team, i.job, i.batch, i.role, i.invited_by, i.person, i.created_at,
    t.name as team_name, coalesce(j.name, b.name) as subject_name, coalesce(j.submitter, b.submitter) as submitter,
    p.name as inviter
from invitations i
left join teams t on t.id = i.team
left join jobs j on j.id = i.job
left join batches b on b.id = i.batch
left join persons p on p.id = i.invited_by
where i.id = $id::uuid and i.revoked_at is null;

-- name: pending_for_address
-- What an address was invited to and has not taken up.
select i.id, i.email, i.team, i.job, i.batch, i.role, i.invited_by, i.person, i.created_at,
    t.name as team_name, coalesce(j.name, b.name) as subject_name, coalesce(j.submitter, b.submitter) as submitter,
    p.name as inviter
from invitations i
left join teams t on t.id = i.team
left join jobs j on j.id = i.job
left join batches b on b.id = i.batch
left join persons p on p.id = i.invited_by
where i.email = $email and i.person is null and i.revoked_at is null
order by i.created_at, i.id;

-- name: invitations_of_team
-- Invitations to a team that were not withdrawn: pending ones first, then the newest.
select id, email, team, job, batch, role, invited_by, person, created_at
from invitations where team = $team::uuid and revoked_at is null
order by person is not null, created_at desc, id;

-- name: take_up_invitation
-- A pending invitation is this person's now.
update invitations set person = $person, accepted_at = $now
where id = $id::uuid and person is null and revoked_at is null
returning id;

-- name: withdraw_invitation
-- A pending invitation ends.
update invitations set revoked_at = $now
where id = $id::uuid and person is null and revoked_at is null
returning email;

-- name: withdraw_older_invitations
-- Pending invitations of an address to a team end, before another takes their place.
update invitations set revoked_at = $now
where team = $team::uuid and email = $email and person is null and revoked_at is null;

-- name: end_unbacked_invitations
-- Pending invitations to a team (null: to any), its jobs and batches end when who sent them may not any more.
update invitations set revoked_at = $now
where invited_by = $person::uuid and person is null and revoked_at is null
    and (
        team is not null and ($team::uuid is null or team = $team::uuid)
        and not exists (
            select 1 from persons p
            left join memberships m on m.person = p.id and m.team = invitations.team
            where p.id = invitations.invited_by and p.active
                and (p.site_admin or m.role = 'owner' or m.role = 'admin' and invitations.role in ('member', 'viewer'))
        )
        or coalesce(job, batch) in (
            select s.id from invitations i
            join (select id, team from jobs union all select id, team from batches) s on s.id = coalesce(i.job, i.batch)
            join persons p on p.id = i.invited_by
            left join memberships m on m.person = p.id and m.team = s.team
            where i.invited_by = $person::uuid and ($team::uuid is null or s.team = $team::uuid)
                and (not p.active or m.role is null or m.role = 'viewer')
        )
    )
returning email;
