-- one␍⟦select 1⟧;␍⟦select 2 -- ;␍, 3⟧;
────
A single CR ends a line comment.
