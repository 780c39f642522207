⟦select 1⟧ /* /* ; */ ; */ -- ;
  ;
⟦select 2⟧ -- x
  /* /* */ */;
────
Nor is a nested one.
