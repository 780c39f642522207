⟦create function f(a int) returns text begin atomic
    select case when a > 1 then 'x;' else case when a = 0 then 'y' end end;
end⟧;
⟦select 2⟧;
────
The END of a CASE does not close a body.
