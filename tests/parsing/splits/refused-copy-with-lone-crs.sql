copy t from stdin;␍1␍\.␍␄
────
For psql only LF ends a line of data.

refused 2:1 1
message the data of a COPY begins on the line below it, but this is on the same line
hint    save the file with LF line endings
