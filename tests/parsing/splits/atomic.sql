⟦create function f() returns int
begin atomic
    select 1;
    select 2;
end⟧;
⟦select 3⟧;
────
The statements of a BEGIN ATOMIC body are not cut.
