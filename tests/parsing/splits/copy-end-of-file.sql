⟦copy t from stdin⟧;
⟪1
⟫\.␄
────
The line that ends the data may be the last one of the file, without a line end.
