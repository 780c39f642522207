create table invoices (id bigint primary key, total numeric);
create publication rev_invoices for table invoices;
