-- The schema that the migrations make, written by: sqlmigrate schema
-- Do not edit it. After a merge conflict in it, write it again with the same command.

-- table public.customers
-- checksum 1af0c3b3b55c
CREATE TABLE public.customers (
    id bigint GENERATED ALWAYS AS IDENTITY,
    email text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT customers_email_key UNIQUE (email),
    CONSTRAINT customers_pkey PRIMARY KEY (id)
);

-- table public.orders
-- checksum fb7584d7fc90
CREATE TABLE public.orders (
    id bigint GENERATED ALWAYS AS IDENTITY,
    customer_id bigint NOT NULL,
    total numeric(12,2) DEFAULT 0 NOT NULL,
    CONSTRAINT orders_pkey PRIMARY KEY (id),
    CONSTRAINT total_is_not_negative CHECK ((total >= (0)::numeric))
);

ALTER TABLE public.orders
    ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);

CREATE INDEX orders_customer_id_idx ON public.orders USING btree (customer_id);

COMMENT ON TABLE public.orders IS 'What customers have bought';
