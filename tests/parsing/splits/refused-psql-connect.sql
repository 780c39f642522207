create database d;
\connect d
────
As pg_dump --create writes it.

refused 2:1 \connect
message `\connect` is a command of psql, not SQL
hint    remove it: a migration runs in the one database that it is given
