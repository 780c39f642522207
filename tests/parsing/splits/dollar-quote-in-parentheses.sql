⟦select ($$);$$, (($$;(()$$)))⟧;
⟦select 2⟧;
────
Dollar quotes inside parentheses.
