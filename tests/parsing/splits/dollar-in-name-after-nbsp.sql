⟦select a␣$b$⟧;
⟦select a␤$b$⟧;
────
U+00A0 and U+2028 are letters to PostgreSQL: the dollars stand inside a name.
