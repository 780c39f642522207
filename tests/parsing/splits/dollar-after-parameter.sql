⟦select $1$a$;$a$, $12$$;$$⟧;
⟦select 2⟧;
────
A parameter ends where the next dollar opens a dollar quote.
