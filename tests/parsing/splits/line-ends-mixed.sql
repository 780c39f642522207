⟦select 1⟧;␍
␍⟦select 2⟧;
␍␍
⟦select 3⟧;
────
CRLF is one line end; CR and LF by themselves are one each.
