⟦begin atomic⟧;
⟦select 1⟧;
⟦create view v as select begin atomic⟧;
⟦end⟧;
⟦alter function f() begin atomic⟧;
⟦end⟧;
────
Only CREATE FUNCTION and CREATE PROCEDURE have a body.
