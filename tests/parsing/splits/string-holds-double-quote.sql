⟦select 'say "hi;'⟧;
⟦select '"'⟧;
────
Nothing inside a string is a quoted name.
