create table events (id bigint not null, day date not null) partition by range (day);
create table events_2024 partition of events for values from ('2024-01-01') to ('2025-01-01');
create table events_2025 (id bigint not null, day date not null);
insert into events_2025 select n, date '2025-01-01' + n from generate_series(1, 200) n;
