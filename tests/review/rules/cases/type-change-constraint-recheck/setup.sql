create table users (id bigint primary key, name varchar(40) not null, constraint users_name_check check (name <> ''));
insert into users select n, 'user ' || n from generate_series(1, 200) n;
