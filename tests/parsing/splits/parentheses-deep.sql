⟦select ((((((((1;))))))))⟧;
⟦select ((((((((';')))))))), (2)⟧;
────
Parentheses nest to any depth.
