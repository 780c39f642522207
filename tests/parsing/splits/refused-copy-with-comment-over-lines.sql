copy t from stdin; /* one
two */
1
\.
────
A comment after a COPY must end on the same line.

refused 1:20 /
message the data of a COPY begins on the line below it, but this is on the same line
hint    move it below the data, after the line `\.`
