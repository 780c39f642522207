create table users (id bigint primary key, name varchar(40) not null);
insert into users select n, 'user ' || n from generate_series(1, 200) n;
create index users_lower_name on users (lower(name));
