-- one␌ ; ␋ ; ␤ ; ' "
⟦select 1⟧;
────
A form feed, a vertical tab or U+2028 ends no line comment.
