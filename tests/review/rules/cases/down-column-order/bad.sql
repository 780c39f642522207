-- sqlmigrate: allow drop-column (nobody has a fax any more)
alter table customers drop column fax;
-- down
alter table customers add column fax text;
