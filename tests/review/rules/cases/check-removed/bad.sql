alter table child drop constraint n_positive;
