⟦select E'a' -- '
  -- ;
  'b\';c'
  'd\';e'⟧;
⟦select 2⟧;
────
Also after line comments, and again.
