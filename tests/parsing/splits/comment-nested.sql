/* a /* b; */ c; */
⟦select 1 /* /* ; */ ; */ + 1⟧;
⟦select 2⟧;
────
Comments nest.
