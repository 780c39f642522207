⟦select 1a$b$⟧;
⟦select 0x1f$a$⟧;
────
A number directly before letters is one (wrong) word, with its dollars.
