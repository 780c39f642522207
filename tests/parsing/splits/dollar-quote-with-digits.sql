⟦select $a1_$;$a1_$⟧;
⟦select $_$;$_$⟧;
────
A tag may contain digits and underscores, but not begin with a digit.
