⟦select E'a' /* c */
  'b\'⟧;
⟦select 2⟧;
────
After a block comment no piece goes on: the second string is a plain one.
