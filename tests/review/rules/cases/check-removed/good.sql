-- sqlmigrate: irreversible (a test)
alter table child drop constraint n_positive, add constraint n_is_positive check (n > 0) not valid;
