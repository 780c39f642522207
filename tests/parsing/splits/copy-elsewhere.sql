⟦create table copy (a int)⟧;
⟦select copy from stdin⟧;
⟦create procedure p() begin atomic copy t from stdin; end⟧;
⟦explain copy t from stdin⟧;
────
Only a statement that begins with COPY has data.
