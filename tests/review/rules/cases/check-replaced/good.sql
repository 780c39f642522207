alter table child rename constraint n_positive to n_is_positive;
-- down
alter table child rename constraint n_is_positive to n_positive;
