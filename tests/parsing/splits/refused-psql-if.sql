select 1; \if true
select 2;
\endif
────
psql commands for conditions.

refused 1:11 \if
message `\if` is a psql command, not SQL
hint    write the condition in a `DO` block: `IF … THEN … END IF`
