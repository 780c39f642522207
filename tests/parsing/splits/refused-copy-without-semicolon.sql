copy t from stdin
1	2
\.
────
The line that ends data, without a COPY that reads it.

refused 3:1 \.
message `\.` is a psql command, not SQL
hint    it ends the data of a `COPY … FROM stdin`, but no COPY is open: is the `;` after the COPY missing?
