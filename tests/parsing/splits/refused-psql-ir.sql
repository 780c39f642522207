\ir other.sql
────
The same, relative to the folder of the file.

refused 1:1 \ir
message `\ir` is a psql command, not SQL
hint    copy the statements of that file to this place, or make that file a migration
