⟦copy t from stdin⟧;
⟪⟫\.
⟦select 2⟧;
────
There may be no data.
