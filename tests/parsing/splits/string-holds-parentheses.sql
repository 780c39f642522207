⟦select '(', 1⟧;
⟦select ')', (2)⟧;
────
Parentheses inside a string do not count.
