⟦create function f() returns int
begin atomic
    select 1;
    select 2;
end⟧;
⟦select 3⟧;
────
A BEGIN ATOMIC body is not split at its statements.
