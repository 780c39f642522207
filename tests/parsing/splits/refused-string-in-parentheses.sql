insert into t values ((1), ('a'), ('b;
);
────
Inside parentheses.

refused 1:36 '
message the string opened here is never closed
hint    close it with `'`; a quote inside a string is written twice, `''`
