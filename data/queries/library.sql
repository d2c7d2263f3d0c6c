-- name: add_files
-- Register files whose bytes are on disk, or come there with the outcome that names them.
insert into files (
    id, seq, team, owner, name, size, sha256, format, visibility, created_at, folder, facts, job, tool
)
select unnest($ids::uuid[]), unnest($seqs::bigint[]), unnest($teams::uuid[]), unnest($owners::uuid[]),
    unnest($names::varchar[]), unnest($sizes::bigint[]), unnest($sha256s::varchar[]), unnest($formats::varchar[]),
    unnest($visibilities::visibility[]), unnest($times::timestamp[]), unnest($folders::boolean[]),
    unnest($facts::varchar[]), unnest($jobs::uuid[]), unnest($tools::varchar[]);

-- name: files_by_id
-- Files that were not deleted.
select f.*, p.name as owner_name
from (select * from files where id in (select unnest($files::uuid[])) and deleted_at is null) f
left join persons p on p.id = f.owner;

-- name: page_files
-- The newest files under some conditions.
select f.*, p.name as owner_name
from (
    select * from files where deleted_at is null /* and so on */ order by seq desc limit $limit
) f
left join persons p on p.id = f.owner
order by f.seq desc;

-- name: page_results
-- The newest result files under some conditions on their jobs and themselves.
select r.*, p.name as submitter_name
from (
    select * from (
        select r.seq, r.path, r.title, r.format, r.bytes, j.id, j.name, j.tool, j.team, j.submitter, j.visibility,
            coalesce(j.ended_at, j.created_at) as created_at
        from result_files r join jobs j on j.seq = r.seq
    )
    where true /* and so on */ order by seq desc, path limit $limit
) r
left join persons p on p.id = r.submitter
order by r.seq desc, r.path;

-- name: change_files
-- Gives files other names and visibilities; null leaves one as it is.
update files
set name = coalesce(c.name, files.name), visibility = coalesce(c.visibility, files.visibility)
from (
    select unnest($files::uuid[]) as id, unnest($names::varchar[]) as name,
        unnest($visibilities::visibility[]) as visibility
) c
where files.id = c.id and files.deleted_at is null;

-- name: delete_files
-- Files go; their rows stay, so that an id is never taken twice.
update files set deleted_at = $now
where id in (select unnest($files::uuid[])) and deleted_at is null
returning id;

-- name: add_file_uses
-- Remembers which files jobs were given.
insert into file_uses (seq, file) select unnest($seqs::bigint[]), unnest($files::uuid[]);

-- name: delete_file_uses
-- Removes which files deleted jobs were given.
delete from file_uses where seq in (select unnest($seqs::bigint[]));

-- name: add_file_origins
-- What jobs made was made from what they were given.
insert into file_origins (file, origin)
select made.file, u.file
from (select unnest($seqs::bigint[]) as seq, unnest($files::uuid[]) as file) made
join file_uses u on u.seq = made.seq;

-- name: add_result_files
-- What jobs left, a row each.
insert into result_files (seq, path, title, format, bytes)
select unnest($seqs::bigint[]), unnest($paths::varchar[]), unnest($titles::varchar[]), unnest($formats::varchar[]),
    unnest($bytes::bigint[]);

-- name: delete_result_files
-- Removes the list of what deleted jobs left.
delete from result_files where seq in (select unnest($seqs::bigint[]));

-- name: file_origins
-- From which files that still exist files were made.
select o.file, f.id as relative
from file_origins o join files f on f.id = o.origin
where o.file in (select unnest($files::uuid[])) and f.deleted_at is null
order by f.seq desc;

-- name: file_offspring
-- Which files that still exist were made from files, the newest first.
select o.origin as file, f.id as relative
from file_origins o join files f on f.id = o.file
where o.origin in (select unnest($files::uuid[])) and f.deleted_at is null
order by f.seq desc
limit $limit;

-- name: file_users
-- Which jobs were given files, the newest first.
select u.file, j.id as relative
from file_uses u join jobs j on j.seq = u.seq
where u.file in (select unnest($files::uuid[]))
order by j.seq desc
limit $limit;

-- name: files_given
-- Which files that still exist jobs were given.
select j.id as job, f.id as file
from jobs j join file_uses u on u.seq = j.seq join files f on f.id = u.file
where j.id in (select unnest($jobs::uuid[])) and f.deleted_at is null
order by f.seq desc;

-- name: files_made
-- Which files that still exist jobs made.
select job, id as file from files
where job in (select unnest($jobs::uuid[])) and deleted_at is null
order by seq;

-- name: count_file_users
-- How many jobs were given a file, and how many files that still exist were made from it.
select
    (select count(distinct u.seq) from file_uses u join jobs j on j.seq = u.seq where u.file = $file::uuid) as jobs,
    (select count(*) from file_origins o join files f on f.id = o.file
        where o.origin = $file::uuid and f.deleted_at is null) as files;

-- name: space
-- Bytes by team and person (null: of every team), most first.
select s.team, t.name as team_name, s.person, coalesce(p.name, '') as person_name,
    sum(s.library)::bigint as library, sum(s.files)::bigint as files, sum(s.results)::bigint as results
from (
    select team, owner as person, size as library, 1 as files, 0 as results from files where deleted_at is null
    union all
    select j.team, j.submitter, 0, 0, r.bytes from result_files r join jobs j on j.seq = r.seq
) s
join teams t on t.id = s.team
left join persons p on p.id = s.person
where $team is null or s.team = $team::uuid
group by s.team, t.name, s.person, p.name
order by sum(s.library + s.results) desc, t.name, person_name;
