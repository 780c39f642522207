⟦select $a$;$$a$⟧;
⟦select $$;$a$$⟧;
────
A dollar that does not close the quote may begin the closing tag.
