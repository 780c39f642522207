create database d;
\connect d
────
As pg_dump --create writes it.

refused 2:1 \connect
message `\connect` is a psql command, not SQL
hint    remove it: all migrations run in the database that sqlmigrate is connected to
