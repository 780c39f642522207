create table imports_logged (like imports including all);
-- down
drop table imports_logged;
-- next migration
insert into imports_logged select * from imports where id < 5000 on conflict do nothing;
-- down
delete from imports_logged;
