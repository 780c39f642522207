create table orders (id bigint generated always as identity primary key, opened_at timestamptz not null default now());
insert into orders (opened_at) select now() from generate_series(1, 200);
