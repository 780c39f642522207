create table countries (code text primary key, name text not null);
insert into countries select 'c' || i, 'Country ' || i from generate_series(1, 200) i;
