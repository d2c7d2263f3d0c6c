-- name: accepted_invitations
-- Who has taken up an invitation to a job or a batch that was not withdrawn.
select person, job, batch from invitations
where person is not null and revoked_at is null and team is null;
