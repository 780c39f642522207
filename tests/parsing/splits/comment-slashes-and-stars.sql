/*/ ; */ ⟦select 1⟧; /**/ ⟦select 2⟧; /***/ ⟦select 3⟧; /* * / ; ** // ***/
⟦select 4⟧;
────
A comment is not closed by the star that opened it.
