\set n 10
select :n;
────
psql variables.

refused 1:1 \set
message `\set` is a psql command, not SQL
hint    write the value itself: psql variables do not work here
