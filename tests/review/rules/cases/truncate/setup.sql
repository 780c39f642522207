create table sessions (id bigint generated always as identity primary key, token text not null);
insert into sessions (token) select md5(i::text) from generate_series(1, 200) i;
