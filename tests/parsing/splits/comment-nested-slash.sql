/*/*;*/;*//* ;/**/*/ ⟦select 1⟧;
────
Openers and closers are counted from left to right, none shares a character.
