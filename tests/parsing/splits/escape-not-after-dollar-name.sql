⟦select a$e'\'⟧;
⟦select 2⟧;
────
An e that ends a name with a dollar does not begin an escape string.
