⟦select 1⟧; /* x */ ⟦copy t from stdin⟧;
⟪2
⟫\.
────
Another statement may be before it on the same line.
