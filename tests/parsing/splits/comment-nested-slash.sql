/*/*;*/;*//* ;/**/*/ ⟦select 1⟧;
────
Openers and closers are counted from left to right, and never share a character.
