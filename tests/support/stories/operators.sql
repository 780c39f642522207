--- up operators (14)
create type point3_@n as (x double precision, y double precision, z double precision);

create function distance_@n(a point3_@n, b point3_@n) returns double precision language sql immutable
    return sqrt((a.x - b.x) ^ 2 + (a.y - b.y) ^ 2 + (a.z - b.z) ^ 2);

create function plus_@n(a point3_@n, b point3_@n) returns point3_@n language sql immutable
    return row(a.x + b.x, a.y + b.y, a.z + b.z)::point3_@n;

create operator <-> (leftarg = point3_@n, rightarg = point3_@n, function = distance_@n, commutator = <->);
create operator @#@ (leftarg = point3_@n, rightarg = point3_@n, function = plus_@n);

create function less_@n(a point3_@n, b point3_@n) returns int language sql immutable
    return case when a.x < b.x then -1 when a.x > b.x then 1 else 0 end;
--- down
drop function less_@n;
drop operator @#@ (point3_@n, point3_@n);
drop operator <-> (point3_@n, point3_@n);
drop function plus_@n;
drop function distance_@n;
drop type point3_@n;

--- up aggregate (14)
create aggregate sum_@n (point3_@n) (sfunc = plus_@n, stype = point3_@n, initcond = '(0,0,0)');

create function collect_@n(state text[], value text) returns text[] language sql immutable
    as 'select state || value';
create aggregate collect_all_@n (text) (sfunc = collect_@n, stype = text[], initcond = '{}');
--- down
drop aggregate collect_all_@n (text);
drop function collect_@n;
drop aggregate sum_@n (point3_@n);

--- up cast (14)
create function to_text_@n(point3_@n) returns text language sql immutable as $$ select ($1).x || ';' || ($1).y $$;
create cast (point3_@n as text) with function to_text_@n(point3_@n) as assignment;
comment on cast (point3_@n as text) is 'x and y; not z';
--- down
drop cast (point3_@n as text);
drop function to_text_@n(point3_@n);

--- up operator_class
create operator family ints_@n using btree;
create operator class backwards_@n for type int4 using btree family ints_@n as
    operator 1 >, operator 2 >=, operator 3 =, operator 4 <=, operator 5 <,
    function 1 btint4cmp(int4, int4);
create table sorted_@n (a int4);
create index sorted_@n_a on sorted_@n using btree (a backwards_@n);
create access method heap_@n type table handler heap_tableam_handler;
create table in_heap_@n (a int) using heap_@n;
--- down
drop table in_heap_@n;
drop access method heap_@n;
drop table sorted_@n;
drop operator class backwards_@n using btree;
drop operator family ints_@n using btree;
