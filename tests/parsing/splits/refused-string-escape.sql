select E'abc\';
────
The place includes the E.

refused 1:8 E'
message the string opened here is never closed
hint    close it with `'`; a quote inside a string is written twice, `''`
