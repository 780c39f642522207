⟦select 'one;' -- it's ; here
    -- and ; here
  'two\'⟧;
⟦select 3⟧;
────
Line comments are allowed between the parts of a string.
