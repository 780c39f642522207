\ir other.sql
────
The same from the file's folder.

refused 1:1 \ir
message `\ir` is a command of psql, not SQL
hint    put the statements of that file here, or make it a migration of its own
