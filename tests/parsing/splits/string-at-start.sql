⟦'a;'⟧;⟦'b'⟧
────
A statement may begin with a string, whatever the server thinks of it.
