⟦select E'a\\'⟧;
⟦select E'\\\\'⟧;⟦select E'\\\';'⟧;
────
An escaped backslash escapes nothing further.
