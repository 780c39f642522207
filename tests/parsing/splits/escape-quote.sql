⟦select E'a\';b'⟧;
⟦select 2⟧;
────
After E a backslash escapes the quote.
