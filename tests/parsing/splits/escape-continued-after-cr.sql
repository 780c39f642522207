⟦select E'a'␍'b\';c'⟧;
⟦select 2⟧;
────
A CR between the parts is a line end.
