⟦select E'a'␍'b\';c'⟧;
⟦select 2⟧;
────
A CR is a line end between the pieces.
