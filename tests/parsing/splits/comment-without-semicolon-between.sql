⟦select 1
-- two
select 2⟧;
────
A comment does not end a statement.
