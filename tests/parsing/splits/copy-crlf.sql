⟦copy t from stdin⟧;␍
⟪1␍
2␍
⟫\.␍
⟦select 2⟧;␍
────
Data with CRLF are sent as they are.
