create table users_new (id bigint primary key, name text);
insert into users_new (id) select id from users;
alter table users rename to users_old;
alter table users_new rename to users;
