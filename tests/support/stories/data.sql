--- up lines
create table lines_@n (id int primary key, a text, b text, c numeric, at timestamptz default '2026-01-01 00:00+00');
--- down
drop table lines_@n;

--- up copy_text
copy lines_@n (id, a, b, c) from stdin;
1	plain	two words	1.5
2	semi;colon	it's; "quoted"	-2
3	\N	\\N is not null	\N
4	tab\there	new\nline	0
5	$$	$body$ ; $body$	1e3
6	-- no comment	/* nor this	7
7	\\.	back\\slash	8
8	äöü€🐘	象	9
\.

-- behind the data
update lines_@n set c = c + 1 where id = 1;

copy lines_@n (id, a) from stdin (format text, delimiter '|', null 'NULL') where id < 100;
20|x;y
21|NULL
\.
--- down
truncate lines_@n;

--- up copy_csv
COPY lines_@n (id, a, b) FROM STDIN WITH (FORMAT csv, HEADER, QUOTE '"', FORCE_NULL (b));
id,a,b
30,"with ""quotes"", and commas;","two
lines"
31,,""
32,\N,$$
\.

copy lines_@n (id, a) from stdin; -- and nothing comes
\.
--- down
delete from lines_@n where id between 30 and 39;

--- up every_write (15)
insert into lines_@n (id, a) values (40, 'forty'), (41, E'forty\\one;'), (42, $$forty 'two';$$), (43, U&'\0041;')
on conflict (id) do update set a = excluded.a where lines_@n.a is distinct from excluded.a
returning id, a;

with gone as (delete from lines_@n where id = 43 returning *),
     back as (insert into lines_@n select * from gone returning id)
select count(*) from back;

merge into lines_@n as l
using (values (43, 'merged; 43'), (44, 'merged; 44')) as v (id, a) on l.id = v.id
when matched and l.id < 100 then update set a = v.a
when not matched then insert (id, a) values (v.id, v.a);

with recursive count (n) as (values (50) union all select n + 1 from count where n < 59)
insert into lines_@n (id, a) select n, repeat(';', n - 50) from count;

update lines_@n as l set b = x.b from (select id, 'b' || id as b from lines_@n) as x where x.id = l.id and l.id >= 50;
delete from lines_@n using generate_series(55, 59) as g where id = g;
table lines_@n;
values (1, ';'), (2, '--');
--- down
delete from lines_@n where id between 40 and 59;

--- up in_a_session
set local work_mem = '8MB';
set local timezone to 'Europe/Zurich';
lock table lines_@n in share row exclusive mode;
select pg_advisory_xact_lock(@n);
create temp table todo on commit drop as select id from lines_@n where a is null;
savepoint one;
insert into lines_@n (id) values (-1);
rollback to savepoint one;
release savepoint one;
prepare put (int, text) as insert into lines_@n (id, a) values ($1, $2);
execute put(60, 'prepared; statement');
deallocate put;
declare walk cursor for select id from lines_@n order by id;
fetch 2 from walk;
move forward all in walk;
close walk;
explain (costs off) select * from lines_@n;
notify channel_@n, 'a;b';
copy (select id, a from lines_@n) to stdout;
set local client_encoding = 'LATIN1';
select chr(228), 'ae';
reset client_encoding;
reset work_mem;
select current_setting('timezone');
--- down
delete from lines_@n where id = 60;

--- up backfill (alone)
-- sqlmigrate: no-transaction
alter table lines_@n add column d int;
update lines_@n set d = id where id % 2 = 0;
update lines_@n set d = -id where id % 2 = 1;
create index concurrently lines_@n_d on lines_@n (d);
vacuum analyze lines_@n;
--- down
alter table lines_@n drop column d;

--- up do_blocks
do $$
declare
    r record;
begin
    for r in select id from lines_@n where id < 5 order by id loop
        begin
            update lines_@n set c = 1 / (id - 3) where id = r.id;
        exception
            when division_by_zero then
                raise notice 'row %; passed over', r.id;
        end;
    end loop;
end;
$$ language plpgsql;
do language plpgsql 'begin null; end';
do E'begin\n  perform \'a;b\';\nend';
--- down
select 1; select 2;;; select 3

--- up many_rows
create table codes_@n as select g as id, md5(g::text) as code from generate_series(1, 500) as g;
alter table codes_@n add primary key (id);
select id, code into codes_@n_copy from codes_@n where id < 10;
insert into codes_@n values (1001, '@{x|y|z};'), (1002, 'b'), (1003, null);
--- down
drop table codes_@n_copy;
drop table codes_@n;
