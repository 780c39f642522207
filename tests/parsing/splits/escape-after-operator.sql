⟦select 1+E'\';', 'a'||e'\';'⟧;
⟦select (E'\';')⟧;
────
An E after an operator or a parenthesis is a separate word.
