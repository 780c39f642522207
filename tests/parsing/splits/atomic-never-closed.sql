⟦create function f() returns int begin atomic
    select 1;
select 2;⟧
-- end
────
A body that is never closed contains the rest of the file: the server will refuse it as one statement.
