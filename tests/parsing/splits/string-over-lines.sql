⟦select 'one;
two;

four'⟧;
⟦select 5⟧;
────
A string may hold line ends, and an empty line.
