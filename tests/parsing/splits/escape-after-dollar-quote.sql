⟦select $$;$$E'\';'⟧;
⟦select $a$;$a$e'\';'⟧;
────
An E directly after a dollar quote is a separate word.
