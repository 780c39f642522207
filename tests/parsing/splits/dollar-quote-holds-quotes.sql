⟦select $$ it's " /* -- \i $$⟧;
⟦select 2⟧;
────
Nothing else begins inside a dollar quote.
