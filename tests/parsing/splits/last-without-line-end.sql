⟦select 1⟧; ⟦select 2⟧␄
────
Also without a line end.
