-- one␍⟦select 1⟧;␍⟦select 2 -- ;␍, 3⟧;
────
A lone CR ends a line comment.
