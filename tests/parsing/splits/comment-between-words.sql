⟦select/*;*/1/**/as--;
a⟧;
────
A comment separates words.
