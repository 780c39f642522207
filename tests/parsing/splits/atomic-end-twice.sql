⟦create function f() returns int begin atomic select 1; end⟧;
⟦end⟧;
⟦create function f() returns int begin atomic end end⟧;
────
One END closes one body.
