-- sqlmigrate: allow unique-removed (no release uses ON CONFLICT on it)
alter table invoices replica identity full;
alter table invoices drop constraint invoices_pkey;
-- down
-- sqlmigrate: allow down-blocks (a test)
alter table invoices add constraint invoices_pkey primary key (id);
alter table invoices replica identity default;
