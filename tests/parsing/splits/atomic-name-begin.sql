⟦create function begin() returns begin language sql as 'select 1'⟧;
⟦create function begin() returns begin begin atomic select 1; end⟧;
⟦create function f() returns int set a to begin begin atomic select 1; end⟧;
────
A routine, a type or a setting called begin does not begin a body; only the one directly before ATOMIC does.
