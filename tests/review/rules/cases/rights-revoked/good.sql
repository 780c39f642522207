revoke insert, update on invoices from rev_app2;
grant insert, update on invoices to rev_app2;
-- down
select 1;
