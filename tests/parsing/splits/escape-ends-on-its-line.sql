⟦select E'a' 'b\'⟧;
⟦select 2⟧;
────
On the same line the second string is a plain one.
