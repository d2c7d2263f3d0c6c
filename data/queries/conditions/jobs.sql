-- What a list of jobs can be narrowed by: each condition has a name, a comment, and one expression over a row of `jobs`.
-- They go, as far as they are asked for, in the place of the comment "and so on" of a query.

-- name: in_team
-- The list of a team: batches' children stand on their plates.
team = $team::uuid and batch is null

-- name: of_batch
-- The children of a batch.
batch = $batch::uuid

-- name: shared_with
-- Jobs of others that somebody was invited to and may see: $teams are the teams that they are in.
id in (select unnest($invited::uuid[])) and submitter <> $person::uuid and batch is null
and (visibility in ('invited', 'users', 'public') or visibility = 'team' and list_contains($teams::uuid[], team))

-- name: before
-- The next page.
seq < $seq

-- name: of_tools
-- By tool.
list_contains($tools::varchar[], tool)

-- name: not_of_tools
-- All tools but some.
not list_contains($tools::varchar[], tool)

-- name: in_statuses
-- By status.
list_contains($statuses::job_status[], status)

-- name: not_in_statuses
-- All statuses but some.
not list_contains($statuses::job_status[], status)

-- name: by_submitters
-- By who submitted it.
list_contains($persons::uuid[], submitter)

-- name: not_by_submitters
-- All but some people's.
not list_contains($persons::uuid[], submitter)

-- name: says
-- The name has a word in it, or a tag that the person who looks may see.
contains(lower(name), lower($word)) or seq in (
    select t.seq from tags t join jobs j on j.seq = t.seq
    where contains(lower(t.tag), lower($word))
        and (j.submitter = $person::uuid or j.visibility in ('team', 'users', 'public')
            or j.visibility = 'invited' and list_contains($invited::uuid[], j.id))
)

-- name: says_not
-- Neither the name nor a tag that the person who looks may see has a word in it.
not contains(lower(name), lower($word)) and not seq in (
    select t.seq from tags t join jobs j on j.seq = t.seq
    where contains(lower(t.tag), lower($word))
        and (j.submitter = $person::uuid or j.visibility in ('team', 'users', 'public')
            or j.visibility = 'invited' and list_contains($invited::uuid[], j.id))
)

-- name: tagged
-- Has a tag, and the person who looks may see it.
seq in (
    select t.seq from tags t join jobs j on j.seq = t.seq
    where lower(t.tag) = lower($tag)
        and (j.submitter = $person::uuid or j.visibility in ('team', 'users', 'public')
            or j.visibility = 'invited' and list_contains($invited::uuid[], j.id))
)

-- name: starred_by
-- Starred by somebody.
seq in (select seq from stars where person = $person::uuid)

-- name: since
-- Submitted at a time or later.
created_at >= $time

-- name: until
-- Submitted before a time.
created_at < $time

-- name: longer
-- Ran, or runs, for so many seconds at least.
epoch(coalesce(ended_at, $now) - started_at) >= $seconds

-- name: shorter
-- Ran, or runs, for less than so many seconds.
epoch(coalesce(ended_at, $now) - started_at) < $seconds
