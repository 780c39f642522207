⟦copy t from stdout⟧;
⟪1
⟫\.
⟦select 2⟧;
────
The grammar accepts FROM stdout as FROM stdin.
