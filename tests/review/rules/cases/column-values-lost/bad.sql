alter table builds rename column build_id to build_id_old;
alter table builds add column build_id bigint;
