⟦create or function f() begin atomic select 1⟧;
⟦end⟧;
⟦create replace function f() begin atomic select 1⟧;
⟦end⟧;
⟦created function f() begin atomic select 1⟧;
⟦end⟧;
────
An incomplete CREATE OR REPLACE does not count.
