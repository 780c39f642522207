-- The schema that the migrations make, written by: sqlmigrate schema
-- Do not edit it. After a merge conflict in it, write it again with the same command.

-- table public.customers
-- checksum c3d1cfb6a33b
CREATE TABLE public.customers (
    id bigint GENERATED ALWAYS AS IDENTITY,
    email text NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT customers_email_is_address CHECK ((email ~~ '%_@_%'::text)),
    CONSTRAINT customers_email_key UNIQUE (email),
    CONSTRAINT customers_pkey PRIMARY KEY (id)
);

-- table public.order_lines
-- checksum 7f0059986ec3
CREATE TABLE public.order_lines (
    order_id bigint NOT NULL,
    sku text NOT NULL,
    quantity integer NOT NULL,
    price_cents bigint NOT NULL,
    CONSTRAINT order_lines_pkey PRIMARY KEY (order_id, sku),
    CONSTRAINT order_lines_quantity_is_positive CHECK ((quantity > 0))
);

-- at the end of this file: ADD CONSTRAINT order_lines_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id)
-- at the end of this file: ADD CONSTRAINT order_lines_sku_fkey FOREIGN KEY (sku) REFERENCES public.products(sku)

-- table public.orders
-- checksum 6bbeb6fe21df
CREATE TABLE public.orders (
    id bigint GENERATED ALWAYS AS IDENTITY,
    customer_id bigint NOT NULL,
    ordered_at timestamp with time zone DEFAULT now() NOT NULL,
    state text DEFAULT 'new'::text,
    CONSTRAINT orders_pkey PRIMARY KEY (id),
    CONSTRAINT orders_state_is_known CHECK (((state IS NOT NULL) AND (state = ANY (ARRAY['new'::text, 'paid'::text, 'sent'::text, 'cancelled'::text]))))
);

ALTER TABLE public.orders
    ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES public.customers(id);

CREATE INDEX orders_customer_id_idx ON public.orders USING btree (customer_id);

-- table public.products
-- checksum 6bc3c22ec902
CREATE TABLE public.products (
    sku text NOT NULL,
    name text NOT NULL,
    price_cents bigint NOT NULL,
    CONSTRAINT products_pkey PRIMARY KEY (sku),
    CONSTRAINT products_price_is_not_negative CHECK ((price_cents >= 0))
);

-- view public.order_totals
-- checksum cd8bb6f0f080
CREATE VIEW public.order_totals AS
 SELECT orders.id AS order_id,
    orders.customer_id,
    orders.state,
    sum((line.quantity * line.price_cents)) AS total_cents
   FROM (public.orders
     JOIN public.order_lines line ON ((line.order_id = orders.id)))
  GROUP BY orders.id;

-- table public.order_lines: what needs objects above
ALTER TABLE public.order_lines
    ADD CONSTRAINT order_lines_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id);

ALTER TABLE public.order_lines
    ADD CONSTRAINT order_lines_sku_fkey FOREIGN KEY (sku) REFERENCES public.products(sku);
