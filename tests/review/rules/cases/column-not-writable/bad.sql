alter table builds drop column total;
alter table builds add column total numeric generated always as (price * amount) stored;
