⟦select 1 as "a\"⟧;
⟦select 2⟧;
────
A backslash in a quoted name is not an escape.
