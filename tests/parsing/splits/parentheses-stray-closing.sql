⟦select 1))⟧;
⟦select (2;)⟧;
────
An extra closing parenthesis is ignored, also when another one opens later.
