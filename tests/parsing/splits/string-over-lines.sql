⟦select 'one;
two;

four'⟧;
⟦select 5⟧;
────
A string may contain line ends, and an empty line.
