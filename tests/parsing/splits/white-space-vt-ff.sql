␌⟦select␋1⟧␌␋;␋␌
⟦select 2⟧	;	⟦select 3⟧
────
Form feed, vertical tab and tab are white space.
