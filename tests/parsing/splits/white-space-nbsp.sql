⟦select 1⟧;⟦␣
␣select 2␣⟧;
⟦select␣3⟧ ;
────
U+00A0 is no white space: it is a letter, and begins a statement.
