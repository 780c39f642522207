⟦copy t from stdin⟧;
⟪1	one
2	two
⟫\.
⟦select 2⟧;
────
The data of COPY is the lines below it, up to the line with a backslash and a dot.
