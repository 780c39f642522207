select 1;
\i other.sql
────
psql commands are refused, with what to do instead.

refused 2:1 \i
message `\i` is a psql command, not SQL
hint    copy the statements of that file to this place, or make that file a migration
