⟦select a/* */$b$;$b$⟧;
⟦select a--
$b$;$b$⟧;
────
A comment ends a name, so that a dollar behind it opens.
