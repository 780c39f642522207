-- Roles are sets of permissions, and are granted to users.
--
-- There are few roles and permissions, and the code refers to them by name. So the name is the primary key, and queries
-- need no join to read it.
--
-- sqlmigrate: lock-timeout 5s

create table roles (
    name        text        not null,
    description text        not null,
    created_at  timestamptz not null default now(),

    constraint roles_pkey
        primary key (name),
    constraint roles_name_is_word
        check (name ~ '^[a-z][a-z_]{0,62}$')
);

create table permissions (
    name        text not null,
    description text not null,

    constraint permissions_pkey
        primary key (name),
    constraint permissions_name_is_thing_and_verb
        check (name ~ '^[a-z_]+\.[a-z_]+$')
);

create table role_permissions (
    role       text not null,
    permission text not null,

    constraint role_permissions_pkey
        primary key (role, permission),
    constraint role_permissions_role_fkey
        foreign key (role) references roles (name) on update cascade on delete cascade,
    constraint role_permissions_permission_fkey
        foreign key (permission) references permissions (name) on update cascade on delete cascade
);

-- For the foreign key: the primary key begins with the role, so it cannot serve.
create index role_permissions_permission_idx on role_permissions (permission);

create table user_roles (
    user_id    bigint      not null,
    role       text        not null,
    granted_by bigint,
    granted_at timestamptz not null default now(),

    constraint user_roles_pkey
        primary key (user_id, role),
    constraint user_roles_user_id_fkey
        foreign key (user_id) references users (id) on delete cascade,
    -- A role that a user has cannot be deleted by accident.
    constraint user_roles_role_fkey
        foreign key (role) references roles (name) on update cascade on delete restrict,
    constraint user_roles_granted_by_fkey
        foreign key (granted_by) references users (id) on delete set null
);

-- For "who is an administrator?".
create index user_roles_role_idx on user_roles (role);

-- For the foreign key. Partial, because most roles are granted by the system and have no granted_by.
create index user_roles_granted_by_idx on user_roles (granted_by) where granted_by is not null;

comment on table  roles                 is 'Roles of users: each is a set of permissions.';
comment on table  permissions           is 'Permissions that the code checks, written as object.verb.';
comment on table  role_permissions      is 'The permissions of each role.';
comment on table  user_roles            is 'The roles of each user; a user has the permissions of all of them.';
comment on column user_roles.granted_by is 'Who granted the role; null if the system did, or the account was deleted.';


-- initial rows --------------------------------------------------------------------------------------------------------

insert into roles (name, description) values
    ('admin',   'Has all permissions'),
    ('auditor', 'Reads accounts and the audit log, changes nothing'),
    ('member',  'Uses the application; every account has this role');

insert into permissions (name, description) values
    ('users.read',      'See all accounts'),
    ('users.manage',    'Create, change and disable accounts'),
    ('sessions.revoke', 'End sessions of other users'),
    ('roles.grant',     'Grant roles to users, and revoke them'),
    ('audit_log.read',  'Read the audit log'),
    ('profile.manage',  'Change one''s own account and settings');

insert into role_permissions (role, permission)
select 'admin', name
  from permissions;

insert into role_permissions (role, permission) values
    ('auditor', 'users.read'),
    ('auditor', 'audit_log.read'),
    ('member',  'profile.manage');

-- Existing accounts become members, so their users can do what they could do before.
insert into user_roles (user_id, role)
select id, 'member'
  from users;
