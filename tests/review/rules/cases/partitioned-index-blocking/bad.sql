create index events_kind_index on events (kind);
-- down
drop index events_kind_index;
