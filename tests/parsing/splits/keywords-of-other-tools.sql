⟦select 1 as go⟧;
⟦go⟧
────
GO ends nothing.
