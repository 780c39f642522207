\ir other.sql
────
The same from the file's folder.

refused 1:1 \ir
message `\ir` is a psql command, not SQL
hint    copy the statements of that file to this place, or make that file a migration
