alter table child drop constraint n_positive, add constraint n_positive check (n >= 0) not valid;
