alter table orders enable row level security;
-- down
alter table orders disable row level security;
