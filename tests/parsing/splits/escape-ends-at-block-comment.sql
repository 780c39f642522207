⟦select E'a' /* c */
  'b\'⟧;
⟦select 2⟧;
────
A string does not continue after a block comment: the second one is a plain string.
