⟦create function f() returns int begin atomic
    select 1;
select 2;⟧
-- end
────
A body that is never closed takes all: the server will refuse it as one statement.
