-- Version 1 of the database. A new home runs this, then every file of migrations/ in order.
--
-- Rules: `seq` orders and pages (the writer gives it); public ids are random UUIDs; times are UTC without zone;
-- no foreign keys and no indexes on what changes (an indexed column of a referenced row cannot be updated, and
-- every index slows the group commit). Money and status change only through data/jobs.py and data/ledger.py.

create type job_status as enum (
    'queued', 'pending', 'processing', 'retry', 'completed', 'failed', 'cancelled', 'timeout'
);
create type visibility as enum ('private', 'team', 'users', 'invited', 'public');
create type team_role as enum ('owner', 'admin', 'member', 'viewer');
create type ledger_kind as enum ('grant', 'hold', 'charge', 'release', 'refund');

create table migrations (name varchar not null, applied_at timestamp not null);

-- One row: how many transactions this database has had; tells whether a write-ahead log came back whole.
create table commits (number bigint not null);
insert into commits values (0);

-- People -------------------------------------------------------------------------------------------------------

create table persons (
    id uuid not null,
    email varchar not null,
    name varchar not null,
    password_hash varchar,           -- argon2; null until set
    site_admin boolean not null,
    verified boolean not null,
    active boolean not null,
    created_at timestamp not null
);

create table teams (
    id uuid not null,
    name varchar not null,
    default_visibility visibility not null,
    concurrency integer,             -- batch children that may wait or run at once; null: the site's setting
    monthly_credits integer,         -- allowance; null for none
    balance bigint not null,         -- sum of the ledger, kept in the same transaction
    held bigint not null,
    created_at timestamp not null
);

create table memberships (team uuid not null, person uuid not null, role team_role not null, since timestamp not null);

create table sessions (
    hash varchar not null,           -- sha256 of the cookie's value
    person uuid not null,
    team uuid not null,              -- the team in which the person acts
    created_at timestamp not null,
    expires_at timestamp not null,
    agent varchar not null,          -- what the browser calls itself, cut to 200 characters
    revoked_at timestamp
);

create table tokens (
    id uuid not null,
    hash varchar not null,
    person uuid not null,
    team uuid not null,
    name varchar not null,
    scopes varchar[] not null,
    created_at timestamp not null,
    revoked_at timestamp
);

create table sign_in_links (
    hash varchar not null,
    person uuid not null,
    created_at timestamp not null,
    expires_at timestamp not null,
    used_at timestamp
);

create table invitations (
    id uuid not null,
    hash varchar not null,
    email varchar not null,
    team uuid,                       -- to a team, or
    job uuid,                        -- to one job, or
    batch uuid,                      -- to one batch
    role team_role,
    invited_by uuid not null,
    person uuid,                     -- who took it up
    created_at timestamp not null,
    revoked_at timestamp
);

create table audit (happened_at timestamp not null, person uuid, action varchar not null, subject varchar not null);

-- Jobs ---------------------------------------------------------------------------------------------------------

create table jobs (
    seq bigint not null,
    id uuid not null,
    team uuid not null,
    submitter uuid not null,
    batch uuid,
    tool varchar not null,
    name varchar not null,
    status job_status not null,
    visibility visibility not null,
    credits integer not null,
    attempt integer not null,
    retries integer not null,        -- retries used up by lost runs
    run_id uuid,                     -- the run that owns the attempt
    worker varchar,
    progress float,                  -- 0-100; null: unknown
    step varchar,
    note varchar,
    cancel_requested boolean not null,
    error_kind varchar,
    error_message varchar,
    log_tail varchar,
    cpus_min integer not null,
    cpus_max integer not null,
    memory_mb integer not null,
    gpus integer not null,
    timeout_s integer not null,
    created_at timestamp not null,
    started_at timestamp,            -- of the first attempt
    ended_at timestamp
);

-- What was asked for; written once.
create table submissions (
    seq bigint not null,
    inputs varchar not null,         -- JSON, as the API takes it
    settings varchar not null,
    price varchar not null           -- JSON list of {label, credits}
);

-- One row per accepted run.
create table attempts (
    seq bigint not null,
    attempt integer not null,
    run_id uuid not null,
    worker varchar not null,
    cpus integer not null,
    started_at timestamp not null,
    ended_at timestamp,
    ending varchar,                  -- the status it led to, or why it was lost
    steps varchar not null,          -- JSON list of {name, state, started_at, ended_at}
    usage varchar                    -- JSON of records.Usage
);

-- What came out; written once, with the status `completed`.
create table results (
    seq bigint not null,
    summary varchar not null,
    warnings varchar not null,
    tables varchar not null,
    files varchar not null
);

create table history (
    seq bigint not null,
    happened_at timestamp not null,
    from_status job_status,
    to_status job_status not null,
    attempt integer not null,
    note varchar not null
);

create table idempotency (
    key varchar not null,
    person uuid not null,
    team uuid not null,
    body_hash varchar not null,
    job uuid not null,
    created_at timestamp not null    -- kept 24 hours
);

-- Money --------------------------------------------------------------------------------------------------------

create table ledger (
    number bigint not null,
    team uuid not null,
    job_seq bigint,                  -- at most one row per (job_seq, kind)
    kind ledger_kind not null,
    balance bigint not null,
    held bigint not null,
    happened_at timestamp not null,
    person uuid,
    note varchar not null,
    key varchar                      -- of a grant that must be given once: allowance:TEAM:MONTH
);

-- Files --------------------------------------------------------------------------------------------------------

create table files (
    id uuid not null,
    seq bigint not null,
    team uuid not null,
    owner uuid not null,
    name varchar not null,           -- the person's; never part of a path
    size bigint not null,
    sha256 varchar not null,
    format varchar not null,
    visibility visibility not null,
    created_at timestamp not null,
    deleted_at timestamp
);
