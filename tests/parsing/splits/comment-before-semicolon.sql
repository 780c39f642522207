⟦select 1⟧ -- one
  /* and */ ;
⟦select 2⟧ /* two */;
⟦select 3⟧
;
────
A comment before the semicolon is not part of the statement, and white space is not either.
