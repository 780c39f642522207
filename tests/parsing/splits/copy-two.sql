⟦copy a from stdin⟧;
⟪1;
⟫\.
⟦copy b from stdin⟧;
⟪2;
⟫\.
────
Two COPY statements, each with its data.
