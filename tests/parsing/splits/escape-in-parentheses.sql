⟦insert into t values (E'a\');', 1), ('b', E'\\')⟧;
⟦select 2⟧;
────
Escapes inside parentheses.
