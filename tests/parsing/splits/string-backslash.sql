⟦select 'C:\'⟧;
⟦select 'a\'';b\'⟧;
────
In a plain string a backslash escapes nothing.
