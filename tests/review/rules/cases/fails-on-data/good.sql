update customers set email = 'unknown' where email is null;
-- down
update customers set email = null where email = 'unknown';
-- next migration
alter table customers add constraint customers_email_not_null not null email not valid;
-- down
alter table customers alter column email drop not null;
-- next migration
alter table customers validate constraint customers_email_not_null;
-- down
alter table customers alter column email drop not null;
alter table customers add constraint customers_email_not_null not null email not valid;
