⟦select $$a;$$$$b;$$⟧;
⟦select $a$;$a$$b$;$b$⟧;
────
A dollar quote may begin where another ends.
