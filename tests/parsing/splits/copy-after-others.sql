⟦select 1⟧; /* x */ ⟦copy t from stdin⟧;
⟪2
⟫\.
────
Another statement may stand before it on its line.
