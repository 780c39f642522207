create domain email as text;
create table users (id bigint primary key, address email not null);
insert into users select n, n || '@example.org' from generate_series(1, 200) n;
