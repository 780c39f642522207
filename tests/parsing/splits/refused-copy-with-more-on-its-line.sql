copy t from stdin; select 1;
1
\.
────
psql would execute the rest of the line after the data.

refused 1:20 select
message the data of a COPY begins on the line below it, but this is on the same line
hint    move it below the data, after the line `\.`
