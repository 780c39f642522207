⟦copy t from stdin⟧;
⟪\i file
\restrict x
$$
'
/*
⟫\.
⟦select 2⟧;
────
Nothing in the data is looked at.
