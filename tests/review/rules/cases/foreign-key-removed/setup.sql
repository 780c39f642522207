create table parent (id bigint primary key);
create table child (
    id bigint primary key,
    parent_id bigint not null constraint child_parent references parent (id) on delete cascade
);
create index child_parent_id on child (parent_id);
