create sequence orders_id_seq;
create table orders (id bigint default nextval('orders_id_seq'), total integer);
insert into orders select n, n from generate_series(1, 200) n;
create unique index orders_id_index on orders (id);
