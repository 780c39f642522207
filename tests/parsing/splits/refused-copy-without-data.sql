copy t from stdin; -- nothing more
────
Nothing comes after the COPY.

refused 1:1 copy
message the data of this COPY has no end
hint    `FROM stdin` reads the lines below it, up to a line that contains only `\.`
