create table builds (id bigint primary key, number integer);
