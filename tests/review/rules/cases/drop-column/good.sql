-- sqlmigrate: irreversible (the addresses are gone for good)

-- sqlmigrate: allow drop-column (nobody reads it since release 12)
alter table customers drop column email;
