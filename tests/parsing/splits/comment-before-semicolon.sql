⟦select 1⟧ -- one
  /* and */ ;
⟦select 2⟧ /* two */;
⟦select 3⟧
;
────
A comment before the semicolon is no part of the statement, nor is white space.
