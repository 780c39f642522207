⟦create function f(a int) returns int return a + 1⟧;
⟦select f(2)⟧;
────
A body that is one expression ends like any other statement.
