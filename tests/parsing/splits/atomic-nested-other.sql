⟦create procedure p() begin atomic
    create table t (begin int);
    create function f() returns int as 'select 1;' language sql;
    create function g() returns int return 1;
    create view v as select 1 as end;
end⟧;
⟦select 3⟧;
────
Other statements inside a body have no body.
