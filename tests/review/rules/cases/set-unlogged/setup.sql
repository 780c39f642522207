create table sessions (id bigint primary key, seen integer not null);
insert into sessions select n, n from generate_series(1, 200) n;
