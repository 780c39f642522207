⟦select '
\i other.sql
\.
'⟧;
────
A line inside a string is no psql command.
