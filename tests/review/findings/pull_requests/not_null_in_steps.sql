-- The four steps to NOT NULL: only the first one breaks an INSERT.

-- base
create table customers (id bigint generated always as identity primary key, email text, name text not null, age int, status text not null default 'new', created_at timestamp not null default now());
create table orders (id bigint generated always as identity primary key, customer_id bigint references customers, total numeric not null, note text);

-- up nn
alter table customers add constraint customers_email_nn check (email is not null) not valid;

-- down nn
alter table customers drop constraint customers_email_nn;

-- up validate
alter table customers validate constraint customers_email_nn;

-- down validate
select 1;

-- up setnn
alter table customers alter column email set not null;
alter table customers drop constraint customers_email_nn;

-- down setnn
alter table customers add constraint customers_email_nn check (email is not null) not valid;
alter table customers alter column email drop not null;

-- found
-- 002.up:1 warning new-not-null-without-default: the CHECK `customers_email_nn` refuses a row without `customers.email`: an INSERT that leaves it out fails
-- 003.up:1 warning fails-on-data: it fails on generated rows: check constraint "customers_email_nn" of relation "customers" is violated by some row
