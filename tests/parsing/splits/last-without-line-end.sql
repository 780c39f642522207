⟦select 1⟧; ⟦select 2⟧␄
────
The end of the file ends the last statement, also without a line end.
