⟦select 1 as "it's", 2 as "-- ;", 3 as "/* ;", 4 as "$$;", 5 as "(", 6 as "\i"⟧;
⟦select 7⟧;
────
Nothing else begins inside a quoted name.
