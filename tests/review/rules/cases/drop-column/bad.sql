-- sqlmigrate: irreversible (the addresses cannot be restored)
alter table customers drop column email;
