select 1;
\i other.sql
────
The commands of psql are refused, with what to do instead.

refused 2:1 \i
message `\i` is a command of psql, not SQL
hint    put the statements of that file here, or make it a migration of its own
