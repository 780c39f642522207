/*/ ; */ ⟦select 1⟧; /**/ ⟦select 2⟧; /***/ ⟦select 3⟧; /* * / ; ** // ***/
⟦select 4⟧;
────
The star that opens a comment does not close it.
