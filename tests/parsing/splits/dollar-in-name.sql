⟦select a$b$c, a$$⟧;
⟦select b$b$⟧;
────
A dollar inside a name opens nothing.
