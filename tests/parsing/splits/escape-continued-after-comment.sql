⟦select E'a' -- '
  -- ;
  'b\';c'
  'd\';e'⟧;
⟦select 2⟧;
────
The string continues after line comments too, several times.
