⟦insert into t (a, "b)") values ('(', $$)$$, E'\')', /* ) */ ";)", -- )
    (1 - 2) / 3)⟧;
────
A closing parenthesis inside quotes or a comment does not count.
