⟦create procedure p() begin atomic
    create function f() returns int begin atomic select 1; end;
    create or replace /**/ function g() returns int begin atomic end;
    select 2;
end⟧;
⟦select 3⟧;
────
By the grammar a body may make another routine, with a body of its own.
