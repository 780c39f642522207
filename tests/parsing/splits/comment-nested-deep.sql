/*/*/*/*/*/*;*/;*/;*/;*/;*/;*/
⟦select 1 /* 1 /* 2 /* 3 ; */ ; */ ; */ + 1⟧;
────
Comments nest to any depth.
