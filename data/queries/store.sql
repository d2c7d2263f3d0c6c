-- How the files of this folder are written: each query has a name, a comment that says what it does, one statement.
-- Names are unique over all files.
--
-- Set-based: a list parameter holds one value for each row ($seqs, $jobs, ...). `seq` is carried wherever it is known,
-- because finding a row by it is cheaper than by its id. Old states stand in the conditions.

-- name: last_number
-- The highest number ever given; a deleted job's number may live on in the ledger.
select greatest(
    (select coalesce(max(seq), 0) from jobs),
    (select coalesce(max(seq), 0) from files),
    (select coalesce(max(seq), 0) from batches),
    (select coalesce(max(greatest(number, coalesce(job_seq, 0))), 0) from ledger)
) as number;

-- name: count_commit
-- Counts a transaction; part of every one.
update commits set number = number + 1 returning number;
