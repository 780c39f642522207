⟦select 'a'
E'b\';c'⟧;
⟦select 2⟧;
────
A string with a prefix is a new one, not the next piece.
