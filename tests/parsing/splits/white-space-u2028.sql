⟦select 1⟧;⟦␤␤select 2␤⟧ ;
────
U+2028 is not white space: it is a letter, and does not end a line.
