create table users (id bigint primary key);
create table posts (id bigint primary key, author bigint constraint posts_author references users (id));
