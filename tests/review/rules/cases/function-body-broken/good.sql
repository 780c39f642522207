-- sqlmigrate: allow drop-column (unused since release 12)
create or replace function item_price(item bigint) returns numeric language sql stable
    as 'select price from items where id = item';
alter table items drop column discount;
-- down
alter table items add column discount numeric;
create or replace function item_price(item bigint) returns numeric language sql stable
    as 'select price - coalesce(discount, 0) from items where id = item';
