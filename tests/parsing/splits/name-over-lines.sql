⟦select 1 as "a;
b"⟧;
────
A quoted name may contain a line end.
