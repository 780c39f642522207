-- /*
⟦select 1⟧; -- */
⟦select 2⟧;
────
A line comment opens no block comment.
