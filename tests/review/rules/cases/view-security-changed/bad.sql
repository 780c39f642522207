create or replace view totals as select total from invoices;
