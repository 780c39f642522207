-- A function of an index finds another function by the search_path.

-- base
create table x (id int primary key, a text);
create function helper(t text) returns text language sql immutable as $$ select lower(t) $$;
create function norm(t text) returns text language plpgsql immutable as $$ begin return helper(t); end $$;

-- up f
create index concurrently x_norm on x (norm(a));

-- down f
drop index concurrently x_norm;

-- found
-- 002.up:1 danger statement-fails: function helper(text) does not exist

-- found before 17
-- 002.up:1 warning depends-on-setting: the index `x_norm` depends on the session's search_path: as pg_restore and ANALYZE set it, function helper(text) does not exist
