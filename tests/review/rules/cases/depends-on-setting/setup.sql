create table events (id bigint not null, at timestamptz not null) partition by range (at);
