⟦select $a$;$$a$⟧;
⟦select $$;$a$$⟧;
────
The dollar that fails to close may be the one that begins the closing tag.
