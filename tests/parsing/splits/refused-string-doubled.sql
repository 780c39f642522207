select 'it''s; ''
────
Where it opens, not at its last doubled quote.

refused 1:8 '
message the string opened here is never closed
hint    close it with `'`; a quote inside a string is written twice, `''`
