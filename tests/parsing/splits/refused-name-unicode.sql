select 1 as u&"a;
────
The place includes the U&.

refused 1:13 u&"
message the quoted name opened here is never closed
hint    close it with `"`; a quote inside a quoted name is written twice, `""`
