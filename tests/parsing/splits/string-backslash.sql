⟦select 'C:\'⟧;
⟦select 'a\'';b\'⟧;
────
A backslash in a plain string is not an escape.
