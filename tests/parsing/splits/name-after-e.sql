⟦select 1 as e"a;\"⟧;
⟦select 2⟧;
────
E before a double quote is a separate name.
