-- What a list of files can be narrowed by: conditions over a row of `files`. `before` is that of jobs.

-- name: file_listed
-- The list of a team, and what others share with everybody who is signed in.
team = $team::uuid or visibility = 'users'

-- name: file_usable
-- What somebody may use who acts in a team.
team = $team::uuid and (owner = $person::uuid or visibility in ('team', 'users', 'public')) or visibility = 'users'

-- name: file_in_formats
-- By format.
list_contains($formats::varchar[], format)

-- name: file_by_owners
-- By whose they are.
list_contains($persons::uuid[], owner)

-- name: file_says
-- The name has a word in it.
contains(lower(name), lower($word))

-- name: file_says_not
-- The name has not a word in it.
not contains(lower(name), lower($word))

-- name: file_uploaded
-- What people uploaded.
job is null

-- name: file_made
-- What jobs made.
job is not null
