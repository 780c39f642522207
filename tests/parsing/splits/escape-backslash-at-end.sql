⟦select E'a\\'⟧;
⟦select E'\\\\'⟧;⟦select E'\\\';'⟧;
────
A backslash that is itself escaped does not escape the quote.
