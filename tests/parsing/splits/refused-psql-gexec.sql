select 'drop table ' || name from t \gexec
────
At the end of a statement.

refused 1:37 \gexec
message `\gexec` is a psql command, not SQL
hint    loop over the query in a `DO` block: `FOR … IN … LOOP EXECUTE … END LOOP`
