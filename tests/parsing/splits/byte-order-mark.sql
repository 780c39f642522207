␂⟦select 1⟧;
⟦select 2⟧;
────
A byte order mark before the text is not part of it.
