⟦copy/* ; */t--;
(a /* ) */, b)/* /* ; */ */from--;
stdin⟧ /* ; */ ; -- data; below
⟪1
⟫\.
⟦copy t from stdin⟧; /* data below */ ; -- x
⟪2
⟫\.
⟦select 3⟧;
────
Comments are allowed between the words, and after the semicolon.
