⟦select 'one;' -- it's ; here
    -- and ; here
  'two\'⟧;
⟦select 3⟧;
────
Line comments may stand between the pieces of a string.
