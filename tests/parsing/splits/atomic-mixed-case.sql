⟦Create Or Replace Function f() returns int Begin Atomic select 1; eNd⟧;
⟦select 2⟧;
────
Keywords may be in any case.
