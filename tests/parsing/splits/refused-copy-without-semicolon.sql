copy t from stdin
1	2
\.
────
The end of data that no COPY reads.

refused 3:1 \.
message `\.` is a command of psql, not SQL
hint    it ends the data of a `COPY … FROM stdin`, and none is open: does that COPY lack its `;`?
