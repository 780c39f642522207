⟦create function f() returns int begin atomic select 1; end language sql⟧;
⟦select 2⟧;
────
What stands behind the END belongs to the statement, whatever the server says to it.
