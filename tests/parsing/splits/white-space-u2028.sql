⟦select 1⟧;⟦␤␤select 2␤⟧ ;
────
U+2028 is no white space: it is a letter, and ends no line.
