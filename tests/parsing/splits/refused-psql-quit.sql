\echo Use "CREATE EXTENSION x" to load this file. \quit
────
The error names the first one of a line.

refused 1:1 \echo
message `\echo` is a psql command, not SQL
hint    remove it, or use `RAISE NOTICE` in a `DO` block
