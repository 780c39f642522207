create table orders (id bigint generated always as identity primary key, paid_at timestamp, seen_at timestamptz);
