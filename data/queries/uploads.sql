-- name: add_uploads
-- Register uploads whose bytes are on disk.
insert into files (id, seq, team, owner, name, size, sha256, format, visibility, created_at)
select unnest($id::uuid[]), unnest($seq::bigint[]), unnest($team::uuid[]), unnest($owner::uuid[]),
    unnest($name::varchar[]), unnest($size::bigint[]), unnest($sha256::varchar[]), unnest($format::varchar[]),
    unnest($visibility::visibility[]), unnest($created_at::timestamp[]);

-- name: upload_by_id
-- One upload that was not deleted.
select id, team, owner, name, size, sha256, format, created_at from files
where id = $id::uuid and deleted_at is null;

-- name: uploads_of_team
-- One person's newest uploads in a team, of some formats (null: all).
select id, team, owner, name, size, sha256, format, created_at from files
where team = $team::uuid and owner = $owner::uuid and deleted_at is null
    and ($formats is null or list_contains($formats::varchar[], format))
order by seq desc limit $limit;
