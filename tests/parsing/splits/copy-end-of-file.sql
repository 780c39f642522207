⟦copy t from stdin⟧;
⟪1
⟫\.␄
────
The line that ends the data may be the last, without a line end.
