⟦create function f() returns int begin atomic
    select 1 as end;
    select x.end from (select 2 as end) x;
    select 3 as "end";
end⟧;
⟦select 4⟧;
────
A column called end does not close a body; psql thinks that it does.
