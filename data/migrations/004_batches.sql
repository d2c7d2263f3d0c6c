-- Batches: many jobs that were submitted at once.

create table batches (
    seq bigint not null,             -- from the same numbers as those of jobs
    id uuid not null,
    team uuid not null,
    submitter uuid not null,
    tool varchar not null,
    name varchar not null,
    visibility visibility not null,  -- its children have the same
    settings varchar not null,       -- JSON
    inputs varchar,                  -- JSON of the form for many; null: it was submitted job by job
    wells integer not null,
    request varchar not null,        -- JSON: what the job.json of each child has in common
    left_out varchar not null,       -- JSON list of {where, message}: what could not be run
    concurrency integer not null,    -- children of the team that may wait or run at once, where the team has no number
    created_at timestamp not null,
    ended_at timestamp               -- null while a child is alive
);

alter table jobs add column well integer;  -- place in the batch, from 0; null once a retry has taken it

alter table notices add column batch uuid;
alter table deliveries add column batch uuid;
