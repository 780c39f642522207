select 1;
select 'abc;
select 2;
────
A string that is never closed is refused where it opens.

refused 2:8 '
message the string opened here is never closed
hint    close it with `'`; a quote inside a string is written twice, `''`
