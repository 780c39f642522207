create table customers (id bigint primary key, is_guest boolean not null);
insert into customers select n, n <= 3 from generate_series(1, 200) n;
create table order_notes (
    id bigint primary key,
    customer_id bigint not null references customers (id) on delete cascade,
    body text
);
insert into order_notes select n, n, 'note' from generate_series(1, 200) n;
create index order_notes_customer_index on order_notes (customer_id);
