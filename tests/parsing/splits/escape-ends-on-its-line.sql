⟦select E'a' 'b\'⟧;
⟦select 2⟧;
────
A string does not continue on the same line: the second one is a plain string.
