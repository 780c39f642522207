⟦begin⟧;⟦insert into t values(1)⟧;⟦commit⟧;
────
Statements need no white space between them.
