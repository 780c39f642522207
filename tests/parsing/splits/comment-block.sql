⟦select 1 /* one; two
three; */ , 2⟧;
/* ; */ ⟦select 3⟧;
────
A semicolon in a block comment does not end a statement.
