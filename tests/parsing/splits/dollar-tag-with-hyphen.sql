⟦select $a-b$⟧;
⟦select $a b$⟧;
────
Text that cannot be a tag opens nothing.
