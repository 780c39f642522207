-- it's
⟦select 1⟧; /* it's " $$ */
⟦select 2⟧; -- "
⟦select 3⟧; -- $a$
⟦select 4⟧;
────
A quote inside a comment does not open a string.
