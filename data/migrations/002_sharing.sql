-- Sharing, marks, notices and sign-in from elsewhere.

-- An invitation's link is signed with the site's key: nothing of it is kept here.
alter table invitations drop column hash;
alter table invitations add column accepted_at timestamp;

-- The address to which a one-time link was mailed: its use proves that address.
alter table sign_in_links add column mailed_to varchar;

-- Credits that one member may use in a month; null for no cap.
alter table teams add column person_credits integer;

-- Who somebody is at an OpenID provider.
create table identities (issuer varchar not null, subject varchar not null, person uuid not null, since timestamp not null);

create table stars (person uuid not null, seq bigint not null);
create table tags (seq bigint not null, tag varchar not null);

-- From which jobs a job was made: kind is input or retry.
create table lineage (seq bigint not null, ancestor uuid not null, kind varchar not null);

create table preferences (
    person uuid not null,
    bell varchar not null,           -- never, failures, always
    mail varchar not null,
    webhook varchar not null,
    webhook_url varchar not null
);

create table notices (
    id uuid not null,
    person uuid not null,
    kind varchar not null,
    text varchar not null,
    job uuid,
    created_at timestamp not null,
    read_at timestamp
);

-- Mails and webhooks that are still to be sent; a row goes once it was.
create table deliveries (
    id uuid not null,
    person uuid,                     -- who hears of it when it cannot be delivered
    channel varchar not null,        -- mail or webhook
    target varchar not null,
    subject varchar not null,
    body varchar not null,
    job uuid,                        -- whose end it tells; null for invitations and the like
    created_at timestamp not null,
    tries integer not null,
    due_at timestamp not null,
    problem varchar                  -- of the last try
);
