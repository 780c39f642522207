create table tokens (
    id bigint primary key,
    user_id bigint not null,
    device text not null,
    active boolean not null default true,
    constraint tokens_user_device unique (user_id, device)
);
