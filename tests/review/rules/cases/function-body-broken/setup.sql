create table items (id bigint generated always as identity primary key, price numeric not null, discount numeric);
insert into items (price) select i from generate_series(1, 200) i;
create function item_price(item bigint) returns numeric language sql stable
    as 'select price - coalesce(discount, 0) from items where id = item';
