⟦select 1⟧;⟦␣
␣select 2␣⟧;
⟦select␣3⟧ ;
────
U+00A0 is not white space: it is a letter, and can begin a statement.
