create table customers (id bigint generated always as identity primary key, fax text, name text not null, telex text);
insert into customers (name) select 'Customer ' || i from generate_series(1, 200) i;
