⟦copy t (a, b) from stdin with (format csv, header, quote '''')⟧;
⟪a,b
1,'x;
y'
⟫\.
⟦select 2⟧;
────
The format of the data does not matter.
