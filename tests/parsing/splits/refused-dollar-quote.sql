create function f() returns int as $$
select 1;
────
A dollar quote that is never closed is refused where it opens.

refused 1:36 $$
message the dollar quote `$$` opened here is never closed
hint    close it with exactly `$$`
