⟦select 1 as "a;b"⟧;
⟦select 2 as "a""b;"⟧;
────
A semicolon inside a quoted name does not cut, and a quote is doubled.
