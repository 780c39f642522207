-- one␌ ; ␋ ; ␤ ; ' "
⟦select 1⟧;
────
A form feed, a vertical tab or U+2028 does not end a line comment.
