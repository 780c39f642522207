⟦select $a1_$;$a1_$⟧;
⟦select $_$;$_$⟧;
────
A tag may hold digits and underscores, but not at its beginning a digit.
