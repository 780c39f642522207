⟦create function f() returns int begin atomic select 1; end⟧␄
────
A body may end at the end of the file.
