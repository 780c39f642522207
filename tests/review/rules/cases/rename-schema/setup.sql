create schema legacy;
create table legacy.orders (id bigint generated always as identity primary key, state text not null);
insert into legacy.orders (state) select 'open' from generate_series(1, 200);
