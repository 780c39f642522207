⟦create procedure p() begin atomic
    create function f() returns int begin atomic select 1; end;
    create or replace /**/ function g() returns int begin atomic end;
    select 2;
end⟧;
⟦select 3⟧;
────
The grammar allows a body to create another routine, with a body of its own.
