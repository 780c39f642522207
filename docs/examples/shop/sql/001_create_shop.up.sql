-- The first migration: customers, products, orders.
--
-- The tables are new and not in use yet: constraints can be complete at once.

create table customers (
    id         bigint      generated always as identity,
    email      text        not null,
    name       text        not null,
    created_at timestamptz not null default now(),

    constraint customers_pkey primary key (id),
    constraint customers_email_key unique (email),
    constraint customers_email_is_address check (email like '%_@_%')
);

create table products (
    sku         text   not null,
    name        text   not null,
    price_cents bigint not null,

    constraint products_pkey primary key (sku),
    constraint products_price_is_not_negative check (price_cents >= 0)
);

create table orders (
    id          bigint      generated always as identity,
    customer_id bigint      not null,
    ordered_at  timestamptz not null default now(),

    constraint orders_pkey primary key (id),
    constraint orders_customer_id_fkey foreign key (customer_id) references customers (id)
);

create table order_lines (
    order_id    bigint  not null,
    sku         text    not null,
    quantity    integer not null,
    price_cents bigint  not null,

    constraint order_lines_pkey primary key (order_id, sku),
    constraint order_lines_order_id_fkey foreign key (order_id) references orders (id),
    constraint order_lines_sku_fkey foreign key (sku) references products (sku),
    constraint order_lines_quantity_is_positive check (quantity > 0)
);
