\restrict aB3dEf  ␍
⟦select 1⟧; \unrestrict aB3dEf␍
────
The lines may end with CRLF, and follow a semicolon.
