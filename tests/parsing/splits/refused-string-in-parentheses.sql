insert into t values ((1), ('a'), ('b;
);
────
The string is inside parentheses.

refused 1:36 '
message the string opened here is never closed
hint    close it with `'`; a quote inside a string is written twice, `''`
