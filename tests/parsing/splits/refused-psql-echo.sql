  \echo done
────
psql commands that print.

refused 1:3 \echo
message `\echo` is a psql command, not SQL
hint    remove it, or use `RAISE NOTICE` in a `DO` block
