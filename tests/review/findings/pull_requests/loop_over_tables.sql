-- A loop adds a column and an index to each of eight tables.

-- base
do $$ begin for i in 1..8 loop execute format('create table t%s (id int primary key, a int, b text)', i); end loop; end $$;

-- up l
do $$ declare r record; begin
 for r in select tablename from pg_tables where schemaname = 'public' and tablename ~ '^t\d' loop
  execute format('alter table %I add column tenant_id int not null default 1', r.tablename);
  execute format('create index %I on %I (tenant_id)', r.tablename || '_tenant', r.tablename);
 end loop;
end $$;

-- down l
do $$ declare r record; begin
 for r in select tablename from pg_tables where schemaname = 'public' and tablename ~ '^t\d' loop
  execute format('alter table %I drop column tenant_id', r.tablename);
 end loop;
end $$;

-- found
-- 002.up:1 danger create-index-blocking: an index on `t1`, `t2` and 6 more is built under ACCESS EXCLUSIVE
-- 002.up:1 warning two-exclusive-tables: `t2` is locked in ACCESS EXCLUSIVE mode while `t1` is locked: a session that locks them in the opposite order causes a deadlock
