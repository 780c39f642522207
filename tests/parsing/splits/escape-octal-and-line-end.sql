⟦select E'\047;\x27;\
;'⟧;
⟦select 2⟧;
────
A quote written as a number does not close the string, and an escaped line end is part of it.
