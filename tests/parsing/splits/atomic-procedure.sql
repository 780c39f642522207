⟦create procedure p(a int) language sql
BEGIN ATOMIC
    insert into t values (a);
END⟧;
⟦create or replace procedure p() begin atomic delete from t; end⟧;
────
Procedures can have such bodies too.
