⟦select (1; 'a)'; (2; $$)$$;) ";)" ;)⟧;
⟦select 3⟧;
────
Semicolons and quotes inside parentheses.
