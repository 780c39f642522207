select 1, 'it''s'
    -- 'x
    'two;
────
Where its first piece opens, as PostgreSQL says it.

refused 1:11 '
message the string opened here is never closed
hint    close it with `'`; a quote inside a string is written twice, `''`
