⟦select $a$ $$;$$ $b$;$b$ 'it''s' $a$⟧;
⟦select 2⟧;
────
Only the same tag closes the quote.
