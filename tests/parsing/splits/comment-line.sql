⟦select 1⟧; -- one; two
-- three;
⟦select 2 -- it's; "
  , 3⟧;
────
A line comment ends with its line.
