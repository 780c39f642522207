⟦select $$;$$E'\';'⟧;
⟦select $a$;$a$e'\';'⟧;
────
An E right after a dollar quote is a word of its own.
