select 1 \g
────
A psql command that ends a statement.

refused 1:10 \g
message `\g` is a psql command, not SQL
hint    end the statement with `;`
