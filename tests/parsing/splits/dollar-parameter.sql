⟦select $1⟧;
⟦execute p($1, $2)⟧;
────
A parameter is not a dollar quote.
