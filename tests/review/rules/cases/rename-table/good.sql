alter table orders rename to purchases;
create view orders as select * from purchases;
-- down
drop view orders;
alter table purchases rename to orders;
