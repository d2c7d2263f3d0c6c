-- What a list of result files can be narrowed by: conditions over a result file with whose job it is of.

-- name: result_seen
-- Of jobs of a team that somebody may see.
team = $team::uuid and (
    submitter = $person::uuid or visibility in ('team', 'users', 'public')
    or visibility = 'invited' and list_contains($invited::uuid[], id)
)

-- name: result_after
-- The next page: the rest of one job, and older jobs.
seq <= $seq and (seq < $seq or path > $path)

-- name: result_in_formats
-- By format.
list_contains($formats::varchar[], format)

-- name: result_by_submitters
-- By whose job it is of.
list_contains($persons::uuid[], submitter)

-- name: result_says
-- The path, the title or the job's name has a word in it.
contains(lower(path), lower($word)) or contains(lower(title), lower($word)) or contains(lower(name), lower($word))

-- name: result_says_not
-- Neither the path, the title nor the job's name has a word in it.
not (contains(lower(path), lower($word)) or contains(lower(title), lower($word)) or contains(lower(name), lower($word)))
