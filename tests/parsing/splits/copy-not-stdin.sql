⟦copy t from "stdin"⟧;
⟦copy t from ſtdin⟧;
⟦copy t from stdin_⟧;
⟦copying t from stdin⟧;
⟦select 'copy t from stdin'⟧;
────
Another word is not stdin, not even one that Python's case folding turns into it.
