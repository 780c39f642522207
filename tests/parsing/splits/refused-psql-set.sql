\set n 10
select :n;
────
Variables.

refused 1:1 \set
message `\set` is a command of psql, not SQL
hint    write the value itself: psql's variables are not known here
