-- A table gets another name, and a view has the old one.

-- base
create table items (id int primary key, sku text, qty int);
create procedure restock(i int) language plpgsql as $$ begin update items set qty = qty + 1 where id = i; if not found then insert into items (id, qty) values (i, 1); end if; end $$;
create function sku_of(i int) returns text language plpgsql stable as $$ begin return (select it.sku from items it where it.id = i); end $$;

-- up r
alter table items rename to stock_items;
create view items as select id, sku, qty from stock_items;

-- down r
drop view items;
alter table stock_items rename to items;

-- up c
alter table stock_items rename column qty to quantity;

-- down c
alter table stock_items rename column quantity to qty;

-- found
-- 003.up:1 danger rename-column: the column `stock_items.qty` is renamed to `quantity`: the running application still uses the old name
