⟦select 1a$b$⟧;
⟦select 0x1f$a$⟧;
────
A number that runs into letters is one (broken) word with its dollars.
