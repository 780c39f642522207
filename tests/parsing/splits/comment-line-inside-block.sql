/* -- */ ⟦select 1⟧;
────
A block comment ends also behind two dashes.
