create table child (id bigint primary key, n int, constraint n_positive check (n > 0));
