select 'it's';
select 'c';
────
An extra quote shows later: the error is at the last string.

refused 2:10 '
message the string opened here is never closed
hint    close it with `'`; a quote inside a string is written twice, `''`
