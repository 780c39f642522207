⟦select 1⟧;
⟦␂select 2⟧;
────
Elsewhere it is a letter, as PostgreSQL takes it.
