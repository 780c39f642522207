select 'it''s; ''
────
The place is where the string opens, not its last doubled quote.

refused 1:8 '
message the string opened here is never closed
hint    close it with `'`; a quote inside a string is written twice, `''`
