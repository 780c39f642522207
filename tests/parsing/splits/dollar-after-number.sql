⟦select 1$a$;$a$, 1.5$$;$$, 1e-3$b$;$b$, 1_000$$;$$⟧;
⟦select 2⟧;
────
A number is not a name: the dollar after it opens a dollar quote.
