⟦select 'a;b'⟧;
⟦select 'c'⟧;
────
A semicolon inside a string does not end a statement.
