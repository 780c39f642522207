⟦select $a$ $ab$;$a $A$; a$ $ a$ $a$⟧;
⟦select 2⟧;
────
A longer tag, a half one or one in another case does not close.
