⟦select 1⟧;␍
␍⟦select 2⟧;
␍␍
⟦select 3⟧;
────
CRLF is one line end, CR and LF alone are one each.
