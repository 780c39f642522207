\copy t from 'data.csv' csv
────
The file may not exist where a migration runs.

refused 1:1 \copy
message `\copy` is a psql command, not SQL
hint    write `COPY … FROM stdin;`, the data on the lines below it, and then a line `\.`
