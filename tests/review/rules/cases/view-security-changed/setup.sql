create table invoices (id bigint primary key, total numeric);
create view totals with (security_barrier = true) as select total from invoices;
