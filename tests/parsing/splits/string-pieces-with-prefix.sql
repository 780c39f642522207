⟦select 'a'
E'b\';c'⟧;
⟦select 2⟧;
────
A string with a prefix is a new string, not the next part.
