⟦select (1;
select 2;⟧
────
A parenthesis that is never closed contains the rest of the file: the server will refuse it as one statement.
