⟦select 'one' 'two;'⟧;
⟦select 'one' /* ;
*/ 'two\'⟧;
────
On one line, or with a block comment between, the second is a string of its own; the cuts are the same.
