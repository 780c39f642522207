copy t from stdin
1	2
\.
────
The end of data that no COPY reads.

refused 3:1 \.
message `\.` is a psql command, not SQL
hint    it ends the data of a `COPY … FROM stdin`, but no COPY is open: is the `;` after the COPY missing?
