⟦select $é$;$e$;$é$⟧;
⟦select $名前$;$名前$⟧;
────
A tag may be of any letters.
