alter table products rename to products_old;
create table products (id bigint generated always as identity primary key, title text not null);
insert into products (title) select title from products_old;
-- down
drop table products;
alter table products_old rename to products;
