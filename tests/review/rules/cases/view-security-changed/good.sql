create or replace view totals with (security_barrier = true) as select total from invoices where total > 0;
-- down
create or replace view totals with (security_barrier = true) as select total from invoices;
