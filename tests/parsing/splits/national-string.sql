⟦select N'a;\', n'it''s;'⟧;
⟦select 2⟧;
────
N'…' is a plain string.
