⟦do $$ begin perform 1; end $$⟧;
⟦select 2⟧;
────
A semicolon inside a dollar quote does not end a statement.
