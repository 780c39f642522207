create procedure p() begin atomic
    select 1;
    \echo 2
end;
────
Inside a body, between its statements.

refused 3:5 \echo
message `\echo` is a psql command, not SQL
hint    remove it, or use `RAISE NOTICE` in a `DO` block
