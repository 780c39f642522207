--- up events
create table events_@n (
    at      timestamptz not null,
    kind    text        not null,
    payload jsonb       not null default '{"a;b": ["''"]}',
    constraint events_@n_kind_is_short check (length(kind) < 40)
) partition by range (at);

create table events_@n_2026_01 partition of events_@n
    for values from ('2026-01-01') to ('2026-02-01');

create table events_@n_2026_02 partition of events_@n
    for values from ('2026-02-01') to ('2026-03-01')
    with (fillfactor = @{70|80|90});

create table events_@n_rest partition of events_@n default;

create index events_@n_at on events_@n (at);
--- down
drop table events_@n;

--- up more.events
do $do$
declare
    month date;
begin
    for month in select generate_series(date '2026-03-01', date '2026-06-01', interval '1 month') loop
        execute format(
            $sql$ create table %I partition of events_@n for values from (%L) to (%L); $sql$,
            'events_@n_' || to_char(month, 'YYYY_MM'), month, month + interval '1 month');
    end loop;
end;
$do$;

insert into events_@n (at, kind)
select '2026-01-15 00:00+00'::timestamptz + g * interval '1 day', 'kind;' || g % 5
  from generate_series(1, 150) as g;
--- down
delete from events_@n;
drop table events_@n_2026_03, events_@n_2026_04, events_@n_2026_05, events_@n_2026_06;

--- up attach_archive
create table events_@n_2025 (like events_@n including defaults including constraints);
insert into events_@n_2025 values ('2025-05-05 05:05+00', 'old', 'null');
alter table events_@n_2025
    add constraint in_2025 check (at >= '2025-01-01' and at < '2026-01-01');
alter table events_@n attach partition events_@n_2025 for values from ('2025-01-01') to ('2026-01-01');
alter table events_@n_2025 drop constraint in_2025;
--- down
alter table events_@n detach partition events_@n_2025;
drop table events_@n_2025;

--- up drop_rest
drop table events_@n_rest;
--- down
create table events_@n_rest partition of events_@n default;

--- up detach_january (alone, 14)
alter table events_@n detach partition events_@n_2026_01 concurrently;
--- down
create table events_@n_copy (like events_@n_2026_01 including defaults);
insert into events_@n_copy select * from events_@n_2026_01;
drop table events_@n_2026_01;
create table events_@n_2026_01 partition of events_@n
    for values from ('2026-01-01') to ('2026-02-01');
insert into events_@n select * from events_@n_copy;
drop table events_@n_copy;

--- up index_partitions (alone)
-- sqlmigrate: no-transaction
-- An index on a partitioned table is built without blocking in steps: nowhere, on each partition, attached.
create index events_@n_kind on only events_@n (kind);
create index concurrently events_@n_02_kind on events_@n_2026_02 (kind);
alter index events_@n_kind attach partition events_@n_02_kind;
--- down
drop index events_@n_kind;

--- up readings
create table readings_@n (
    sensor int,
    place  text,
    value  double precision,
    primary key (sensor, place)
) partition by list (place);
create table readings_@n_north partition of readings_@n for values in ('north', 'nord') partition by hash (sensor);
create table readings_@n_north_0 partition of readings_@n_north for values with (modulus 2, remainder 0);
create table readings_@n_north_1 partition of readings_@n_north for values with (modulus 2, remainder 1);
create table readings_@n_nowhere partition of readings_@n default;
--- down
drop table readings_@n;

--- up copy_readings
COPY readings_@n (sensor, place, value) FROM stdin;
1	north	1.5
2	nord	-2.25
3	north	NaN
\.
--- down
truncate table readings_@n;
