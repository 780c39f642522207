⟦create function f() returns int begin atomic select 1; end language sql⟧;
⟦select 2⟧;
────
Words after the END belong to the statement, whatever the server thinks of them.
