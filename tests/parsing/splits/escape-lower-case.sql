⟦select e'a\';b'⟧;
⟦select 2⟧;
────
A lower-case e works like E.
