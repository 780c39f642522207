⟦select 1 as "a;
b"⟧;
────
A quoted name may hold a line end.
