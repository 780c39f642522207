⟦select type'C:\'⟧;
⟦select the'a\'⟧;
⟦select _e'\'⟧;
⟦select é'\'⟧;
────
An e that ends a longer name does not begin an escape string.
