⟦copy "s;"."t from stdin" from stdin⟧;
⟪1
⟫\.
⟦copy s.from from stdin⟧;
⟪2
⟫\.
⟦copy s . from (a) from stdin⟧;
⟪3
⟫\.
⟦copy db.to.from from stdin⟧;
⟪4
⟫\.
⟦copy U&"d!0061" uescape '!' from stdin⟧;
⟪5
⟫\.
⟦copy s.to to stdout⟧;
⟦copy s.from to stdin⟧;
────
A table may be called from or to if a schema is before it.
