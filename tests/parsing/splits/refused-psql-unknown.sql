\pset pager off
────
All other psql commands are refused too.

refused 1:1 \pset
message `\pset` is a psql command, not SQL
hint    remove it, or run this file with psql
