⟦create table t (begin int, declare int, "end" int, atomic int)⟧;
⟦select begin, declare from t⟧;
⟦declare c cursor for select 1⟧;
⟦select case when begin = 1 then atomic end from t⟧;
────
A column called begin does not open a body.
