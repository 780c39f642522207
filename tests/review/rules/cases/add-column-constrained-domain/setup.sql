create domain email as text constraint email_check check (value like '%@%');
create table orders (id bigint primary key, total integer);
insert into orders select n, n from generate_series(1, 200) n;
