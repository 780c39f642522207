alter table orders rename to purchases;
-- down
alter table purchases rename to orders;
