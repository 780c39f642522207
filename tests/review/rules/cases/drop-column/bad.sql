-- sqlmigrate: irreversible (the addresses are gone for good)
alter table customers drop column email;
