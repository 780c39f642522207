\restrict aB3dEf  ␍
⟦select 1⟧; \unrestrict aB3dEf␍
────
Also with CRLF, and behind a semicolon.
