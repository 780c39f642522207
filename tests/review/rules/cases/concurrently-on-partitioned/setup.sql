create table events (id bigint not null, at date not null) partition by range (at);
create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01');
insert into events select i, date '2025-01-01' + i from generate_series(1, 200) i;
