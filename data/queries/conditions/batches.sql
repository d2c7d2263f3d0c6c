-- What a list of batches can be narrowed by; see jobs.sql beside this.

-- name: batches_in_team
-- The list of a team.
team = $team::uuid

-- name: batches_shared_with
-- Batches of others that somebody was invited to and may see: $teams are the teams that they are in.
id in (select unnest($invited::uuid[])) and submitter <> $person::uuid
and (visibility in ('invited', 'users', 'public') or visibility = 'team' and list_contains($teams::uuid[], team))

-- name: batches_before
-- The next page.
seq < $seq

-- name: batches_of_tools
-- By tool.
list_contains($tools::varchar[], tool)

-- name: batches_say
-- The name has a word in it.
contains(lower(name), lower($word))

-- name: batches_starred_by
-- Starred by somebody.
seq in (select seq from stars where person = $person::uuid)

-- name: batches_alive
-- A child is alive.
ended_at is null
