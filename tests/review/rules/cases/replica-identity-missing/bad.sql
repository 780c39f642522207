alter table invoices drop constraint invoices_pkey;
