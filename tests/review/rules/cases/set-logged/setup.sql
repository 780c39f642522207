create unlogged table imports (id bigint primary key, line text not null);
insert into imports select n, 'line ' || n from generate_series(1, 200) n;
