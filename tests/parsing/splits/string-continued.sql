⟦select 'one;'
  'two;'⟧;
⟦select 3⟧;
────
A string goes on in the next line.
