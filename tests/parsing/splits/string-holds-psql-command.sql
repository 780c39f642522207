⟦select '
\i other.sql
\.
'⟧;
────
A line inside a string is not a psql command.
