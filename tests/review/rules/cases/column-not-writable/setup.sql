create table builds (id bigint primary key, price numeric, amount numeric, total numeric);
