⟦select 1⟧; ⟦select 2⟧ -- two
/* end */
────
A comment after the last statement, which has no semicolon, is not part of it.
