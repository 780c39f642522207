select 1 \g
────
Another way to end a statement.

refused 1:10 \g
message `\g` is a psql command, not SQL
hint    end the statement with `;`
