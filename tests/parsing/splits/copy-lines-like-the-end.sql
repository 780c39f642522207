⟦copy t from stdin⟧;
⟪\.x
\. 
 \.
\\.
\..
⟫\.
⟦select 2⟧;
────
Only the whole line ends the data.
