-- The library: folders that jobs made, what files were used for and made from, and the result files of all jobs.

alter table files add column folder boolean default false;
alter table files add column facts varchar default '{}';   -- JSON
alter table files add column job uuid;                     -- that made it, deleted by now or not; null: an upload
alter table files add column tool varchar;

-- So far an upload was its owner's alone, whatever was written here.
update files set visibility = 'private';

-- Files that a job was given.
create table file_uses (seq bigint not null, file uuid not null);

-- Files that a file was made from; written when it is made, so it outlives the job.
create table file_origins (file uuid not null, origin uuid not null);

-- What is in `results.files`, but for what went into the library: a row each, for lists over many jobs.
create table result_files (
    seq bigint not null,             -- of the job
    path varchar not null,
    title varchar not null,
    format varchar not null,
    bytes bigint not null
);
insert into result_files
select seq, file.path, file.title, file.format, file.bytes
from (
    select seq, unnest(from_json(
        files, '[{"path": "VARCHAR", "title": "VARCHAR", "format": "VARCHAR", "bytes": "BIGINT"}]'
    )) as file
    from results where files <> '[]'
);
