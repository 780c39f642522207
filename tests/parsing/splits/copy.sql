⟦copy t from stdin⟧;
⟪1	one
2	two
⟫\.
⟦select 2⟧;
────
The data of COPY are the lines below it, up to the one that is a backslash and a dot.
