alter table orders add column if not exists note text;
-- down
select 1;
