-- Who may do what: permissions are gathered in roles, roles are granted to users.
--
-- Roles and permissions are few, and code names them: their names are their keys, and a join less in every query.
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

-- For the foreign key: the primary key begins with the role.
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
    -- A role that somebody has is not removed by accident.
    constraint user_roles_role_fkey
        foreign key (role) references roles (name) on update cascade on delete restrict,
    constraint user_roles_granted_by_fkey
        foreign key (granted_by) references users (id) on delete set null
);

-- "Who is an administrator?"
create index user_roles_role_idx on user_roles (role);

-- For the foreign key alone: most grants are the system's own.
create index user_roles_granted_by_idx on user_roles (granted_by) where granted_by is not null;

comment on table  roles                 is 'What users can be: a name for a set of permissions.';
comment on table  permissions           is 'What the code asks for, as thing.verb.';
comment on table  role_permissions      is 'Which permissions a role holds.';
comment on table  user_roles            is 'Which roles a user has; permissions add up.';
comment on column user_roles.granted_by is 'Who granted it; null where the system did, or the account is gone since.';


-- what every installation begins with ---------------------------------------------------------------------------------

insert into roles (name, description) values
    ('admin',   'Runs the application: accounts, roles, everything'),
    ('auditor', 'Looks at accounts and at the audit log, changes nothing'),
    ('member',  'Uses the application; every account has it');

insert into permissions (name, description) values
    ('users.read',      'See all accounts'),
    ('users.manage',    'Create, change and disable accounts'),
    ('sessions.revoke', 'End sessions of other users'),
    ('roles.grant',     'Grant roles to users, and take them away'),
    ('audit_log.read',  'Read the audit log'),
    ('profile.manage',  'Change one''s own account and settings');

insert into role_permissions (role, permission)
select 'admin', name
  from permissions;

insert into role_permissions (role, permission) values
    ('auditor', 'users.read'),
    ('auditor', 'audit_log.read'),
    ('member',  'profile.manage');

-- Whoever has an account already could do until now what a member can do, and still can.
insert into user_roles (user_id, role)
select id, 'member'
  from users;
