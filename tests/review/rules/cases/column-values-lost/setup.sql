create table builds (id bigint primary key, build_id int);
insert into builds select i, i from generate_series(1, 20) i;
