⟦select a$e'\'⟧;
⟦select 2⟧;
────
Nor does one after the dollar of a name.
