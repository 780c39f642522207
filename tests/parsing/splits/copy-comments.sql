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
Comments may stand between the words, and behind the semicolon.
