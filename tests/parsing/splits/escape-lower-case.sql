⟦select e'a\';b'⟧;
⟦select 2⟧;
────
A small e does the same.
