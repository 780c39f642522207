create table bookings (id bigint primary key, during int4range not null);
insert into bookings select n, int4range(n * 10, n * 10 + 5) from generate_series(1, 200) n;
