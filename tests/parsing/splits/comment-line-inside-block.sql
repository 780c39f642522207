/* -- */ ⟦select 1⟧;
────
A block comment also ends after two dashes.
