⟦copy a from stdin⟧;
⟪1;
⟫\.
⟦copy b from stdin⟧;
⟪2;
⟫\.
────
One block of data after another.
