⟦select 1 as "a;b"⟧;
⟦select 2 as "a""b;"⟧;
────
A semicolon inside a quoted name does not end a statement, and a quote inside it is written twice.
