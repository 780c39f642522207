select 1, 'it''s'
    -- 'x
    'two;
────
The place is where the first part opens, as in PostgreSQL's own message.

refused 1:11 '
message the string opened here is never closed
hint    close it with `'`; a quote inside a string is written twice, `''`
