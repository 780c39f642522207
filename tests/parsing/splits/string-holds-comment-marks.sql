⟦select '-- ;', '/* ;', '*/'⟧;
⟦select 2⟧;
────
Nothing inside a string is a comment.
