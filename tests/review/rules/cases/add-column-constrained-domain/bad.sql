alter table orders add column contact email;
-- down
alter table orders drop column contact;
