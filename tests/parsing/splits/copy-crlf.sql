⟦copy t from stdin⟧;␍
⟪1␍
2␍
⟫\.␍
⟦select 2⟧;␍
────
Data with CRLF is sent as it is.
