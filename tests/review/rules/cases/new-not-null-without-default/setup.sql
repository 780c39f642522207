create table orders (id bigint generated always as identity primary key, currency text);
insert into orders (currency) select 'CHF' from generate_series(1, 200);
