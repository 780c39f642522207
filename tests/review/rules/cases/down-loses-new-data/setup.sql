create table customers (id bigint generated always as identity primary key, first text not null, last text not null);
insert into customers (first, last) select 'Ada', 'Number ' || i from generate_series(1, 200) i;
