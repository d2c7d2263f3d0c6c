-- name: add_stars
-- People star jobs.
insert into stars (person, seq)
select s.person, s.seq
from (select unnest($persons::uuid[]) as person, unnest($seqs::bigint[]) as seq) s
where not exists (select 1 from stars where stars.person = s.person and stars.seq = s.seq);

-- name: remove_stars
-- People star jobs no more.
delete from stars
using (select unnest($persons::uuid[]) as person, unnest($seqs::bigint[]) as seq) s
where stars.person = s.person and stars.seq = s.seq;

-- name: remove_tags
-- Jobs lose all their tags.
delete from tags where seq in (select unnest($seqs::bigint[]));

-- name: add_tags
-- Jobs get tags.
insert into tags (seq, tag) select unnest($seqs::bigint[]), unnest($tags::varchar[]);

-- name: tags_of_jobs
-- The tags of some jobs in the order of the alphabet. $first and $last, the least and greatest of $seqs, let most of
-- the table be left out; a join with 50 numbers costs twice as much.
select seq, tag from tags
where seq between $first and $last and list_contains($seqs::bigint[], seq)
order by lower(tag), tag;

-- name: stars_on_jobs
-- Which of these jobs somebody has starred; $first and $last as above.
select seq from stars
where person = $person::uuid and seq between $first and $last and list_contains($seqs::bigint[], seq);

-- name: tags_of_team
-- The tags on those jobs of a team that somebody may see, the most used first.
select t.tag, count(*) as jobs
from tags t join jobs j on j.seq = t.seq
where j.team = $team::uuid
    and (j.submitter = $person::uuid or j.visibility in ('team', 'users', 'public')
        or j.visibility = 'invited' and list_contains($invited::uuid[], j.id))
group by t.tag
order by jobs desc, t.tag
limit $limit;

-- name: delete_stars
-- Removes the stars on deleted jobs.
delete from stars where seq in (select unnest($seqs::bigint[]));

-- name: insert_lineage
-- Remembers from which jobs jobs were made.
insert into lineage (seq, ancestor, kind)
select unnest($seqs::bigint[]), unnest($ancestors::uuid[]), unnest($kinds::varchar[]);

-- name: ancestors
-- From which jobs a job was made, those that still exist.
select l.kind, j.id
from lineage l join jobs j on j.id = l.ancestor
where l.seq = $seq
order by j.seq desc;

-- name: descendants
-- Which jobs were made from a job, those that still exist, the newest first.
select l.kind, j.id
from lineage l join jobs j on j.seq = l.seq
where l.ancestor = $job::uuid
order by j.seq desc
limit $limit;

-- name: delete_lineage
-- Removes from what deleted jobs were made.
delete from lineage where seq in (select unnest($seqs::bigint[]));
