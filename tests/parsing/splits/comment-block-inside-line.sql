-- /*
⟦select 1⟧; -- */
⟦select 2⟧;
────
A line comment does not open a block comment.
