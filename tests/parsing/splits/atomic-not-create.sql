⟦create or function f() begin atomic select 1⟧;
⟦end⟧;
⟦create replace function f() begin atomic select 1⟧;
⟦end⟧;
⟦created function f() begin atomic select 1⟧;
⟦end⟧;
────
Half of CREATE OR REPLACE is not it.
