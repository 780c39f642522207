⟦select 1 -- one
  /* and */ , 2 /* /* */ */ + 3 -- x
  - 4 /* y */ / 5⟧;
────
A comment with more of the statement after it is part of the statement, also before a dash or a slash.
