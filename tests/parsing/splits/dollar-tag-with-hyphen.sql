⟦select $a-b$⟧;
⟦select $a b$⟧;
────
What cannot be a tag opens nothing.
