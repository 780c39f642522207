⟦select (1;
select 2;⟧
────
An opening parenthesis that is never closed takes all: the server will refuse it as one statement.
