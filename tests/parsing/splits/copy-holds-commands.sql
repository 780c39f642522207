⟦copy t from stdin⟧;
⟪\i file
\restrict x
$$
'
/*
⟫\.
⟦select 2⟧;
────
Commands in the data are data.
