⟦select a/* */$b$;$b$⟧;
⟦select a--
$b$;$b$⟧;
────
A comment ends a name, so a dollar after it opens a dollar quote.
