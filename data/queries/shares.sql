-- name: set_visibilities
-- Jobs are seen by others than before; those that were seen so already are left out.
update jobs
set visibility = s.visibility
from (select unnest($seqs::bigint[]) as seq, unnest($visibilities::visibility[]) as visibility) s
where jobs.seq = s.seq and jobs.visibility <> s.visibility
returning jobs.*;

-- name: invitations_to
-- Who is invited to see these jobs or batches, in the order of invitation.
select id, email, team, job, batch, role, invited_by, person, created_at
from invitations
where (job in (select unnest($subjects::uuid[])) or batch in (select unnest($subjects::uuid[])))
    and revoked_at is null
order by created_at, email;

-- name: withdraw_invitations
-- These invitations end.
update invitations set revoked_at = $now
where id in (select unnest($ids::uuid[])) and revoked_at is null;

-- name: invite
-- People are invited to see a job or a batch; one whose proven address it is has taken it up at once.
insert into invitations (id, email, team, job, batch, role, invited_by, person, created_at, accepted_at)
select i.id, i.email, null, i.job, i.batch, null, i.invited_by, p.id, $now, case when p.id is null then null else $now end
from (
    select unnest($ids::uuid[]) as id, unnest($emails::varchar[]) as email, unnest($jobs::uuid[]) as job,
        unnest($batches::uuid[]) as batch, unnest($inviters::uuid[]) as invited_by
) i
left join persons p on p.email = i.email and p.verified and p.active
returning id, person;
