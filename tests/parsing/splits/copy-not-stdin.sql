⟦copy t from "stdin"⟧;
⟦copy t from ſtdin⟧;
⟦copy t from stdin_⟧;
⟦copying t from stdin⟧;
⟦select 'copy t from stdin'⟧;
────
Another word is not stdin, also not one that Python folds to it.
