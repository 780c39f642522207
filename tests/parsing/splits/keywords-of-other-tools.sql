⟦select 1 as go⟧;
⟦go⟧
────
GO does not end a statement.
