-- sqlmigrate: no-transaction
vacuum (analyze) orders;
-- down
select 1;
