⟦select 1⟧ /* /* ; */ ; */ -- ;
  ;
⟦select 2⟧ -- x
  /* /* */ */;
────
A nested comment before the semicolon is not part of the statement.
