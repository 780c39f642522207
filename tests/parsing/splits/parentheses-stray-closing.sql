⟦select 1))⟧;
⟦select (2;)⟧;
────
A stray closing parenthesis counts for nothing, not even against a later opening one.
