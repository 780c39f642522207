⟦copy t from stdout⟧;
⟪1
⟫\.
⟦select 2⟧;
────
The grammar takes FROM stdout for FROM stdin.
