alter table orders add column contact text;
alter table orders add constraint orders_contact_check check (contact like '%@%') not valid;
-- down
alter table orders drop column contact;
-- next migration
alter table orders validate constraint orders_contact_check;
-- down
alter table orders drop constraint orders_contact_check;
alter table orders add constraint orders_contact_check check (contact like '%@%') not valid;
