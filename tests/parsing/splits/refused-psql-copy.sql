\copy t from 'data.csv' csv
────
Files are not at hand where a migration runs.

refused 1:1 \copy
message `\copy` is a psql command, not SQL
hint    write `COPY … FROM stdin;`, the data on the lines below it, and then a line `\.`
