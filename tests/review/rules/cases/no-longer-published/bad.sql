alter table invoices rename to invoices_old;
create table invoices (like invoices_old including all);
