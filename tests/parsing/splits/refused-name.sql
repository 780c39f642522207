select 1 as "a""b;
────
A quoted name that is never closed is refused where it opens.

refused 1:13 "
message the quoted name opened here is never closed
hint    close it with `"`; a quote inside a quoted name is written twice, `""`
