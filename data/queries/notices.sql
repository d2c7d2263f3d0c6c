-- name: insert_deliveries
-- Mails and webhooks to send at once.
insert into deliveries (id, person, channel, target, subject, body, created_at, tries, due_at, problem)
select unnest($ids::uuid[]), unnest($persons::uuid[]), unnest($channels::varchar[]), unnest($targets::varchar[]),
    unnest($subjects::varchar[]), unnest($bodies::varchar[]), $now, 0, $now, null;
