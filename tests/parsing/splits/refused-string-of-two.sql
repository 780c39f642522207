select 'it's';
select 'c';
────
What is left open by a quote too many shows later: at the last string.

refused 2:10 '
message the string opened here is never closed
hint    close it with `'`; a quote inside a string is written twice, `''`
