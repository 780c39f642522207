select 1\; select 2;
────
psql's way to send two statements as one.

refused 1:9 \;
message `\;` is a psql command, not SQL
hint    write only `;`
