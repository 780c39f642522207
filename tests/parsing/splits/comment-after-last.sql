⟦select 1⟧; ⟦select 2⟧ -- two
/* end */
────
A comment after a last statement without semicolon is no part of it.
