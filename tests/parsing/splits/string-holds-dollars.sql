⟦select '$$;', '$a$'⟧;
⟦select '$$'⟧;
────
Nothing inside a string is a dollar quote.
