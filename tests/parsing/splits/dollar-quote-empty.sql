⟦select $$$$, $a$$a$⟧;
⟦select 2⟧;
────
A dollar quote may be empty.
