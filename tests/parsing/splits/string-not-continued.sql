⟦select 'one' 'two;'⟧;
⟦select 'one' /* ;
*/ 'two\'⟧;
────
On one line, or with a block comment between them, there are two strings; the cuts are the same.
