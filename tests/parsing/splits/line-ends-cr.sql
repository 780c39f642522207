-- head␍⟦select 1␍, 2⟧;␍␍⟦select 3⟧␍;⟦select 4⟧␍␄
────
Lines may end with a single CR.
