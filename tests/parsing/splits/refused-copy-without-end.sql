select 1;
copy t from stdin;
1
2
────
Data without an end would contain the rest of the file; psql accepts that.

refused 2:1 copy
message the data of this COPY has no end
hint    `FROM stdin` reads the lines below it, up to a line that contains only `\.`
