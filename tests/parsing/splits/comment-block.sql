⟦select 1 /* one; two
three; */ , 2⟧;
/* ; */ ⟦select 3⟧;
────
A block comment hides a semicolon.
