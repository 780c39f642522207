⟦select 'one;'
  'two;'⟧;
⟦select 3⟧;
────
A string may continue on the next line.
