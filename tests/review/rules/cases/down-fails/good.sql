create table invoices (id bigint generated always as identity primary key, paid boolean not null);
create view open_invoices as select id from invoices where not paid;

-- down
drop view open_invoices;
drop table invoices;
