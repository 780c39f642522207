-- sqlmigrate: irreversible (a test)
create table users_new (id bigint primary key, name text);
insert into users_new (id) select id from users;
alter table users rename to users_old;
alter table users_new rename to users;
alter table posts add constraint posts_users foreign key (author) references users (id) not valid;
alter table posts drop constraint posts_author;
