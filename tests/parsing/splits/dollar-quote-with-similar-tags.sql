⟦select $a$ $ab$;$a $A$; a$ $ a$ $a$⟧;
⟦select 2⟧;
────
A longer tag, part of the tag, or the tag in another case does not close the quote.
