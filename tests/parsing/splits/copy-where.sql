⟦copy t from stdin where a is distinct from b⟧;
⟪1
⟫\.
⟦copy t from '/tmp/x' where a is distinct from stdin⟧;
⟦select 2⟧;
────
The first FROM decides.
