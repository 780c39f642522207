⟦select 1⟧;
⟦␂select 2⟧;
────
In other places it is a letter, as in PostgreSQL.
