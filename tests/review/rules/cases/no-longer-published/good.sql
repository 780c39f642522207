alter table invoices add column paid boolean;
-- down
alter table invoices drop column paid;
