-- sqlmigrate: allow drop-column (unused since release 12)
alter table customers add column phone text;
-- down
alter table customers drop column phone;
