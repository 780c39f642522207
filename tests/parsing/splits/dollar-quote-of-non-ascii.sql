⟦select $é$;$e$;$é$⟧;
⟦select $名前$;$名前$⟧;
────
A tag may have letters of all kinds.
