-- sqlmigrate: allow drop-column (fax numbers are not used any more)
alter table customers drop column fax;
-- down
alter table customers add column fax text;
