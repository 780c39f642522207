-- sqlmigrate: irreversible (the addresses cannot be restored)

-- sqlmigrate: allow drop-column (unused since release 12)
alter table customers drop column email;
