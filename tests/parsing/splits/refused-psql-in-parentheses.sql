select (1,
\echo 2
);
────
Inside a statement, inside parentheses.

refused 2:1 \echo
message `\echo` is a psql command, not SQL
hint    remove it, or use `RAISE NOTICE` in a `DO` block
