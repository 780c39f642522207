-- Who may log in, who is logged in, and what happened at the door.
--
-- Text columns carry a length check instead of varchar(n): a check can be changed without touching the rows.
-- Times are timestamptz throughout. What comes from a client (address, agent) is kept as it came, for the audit.


-- One function for every table that has updated_at; the application does not have to remember it.
create function set_updated_at() returns trigger
    language plpgsql
as $$
begin
    new.updated_at := pg_catalog.now();
    return new;
end;
$$;

comment on function set_updated_at() is 'Trigger function: stamps updated_at of the row that is being changed.';


-- users ---------------------------------------------------------------------------------------------------------------

create table users (
    id                bigint      generated always as identity,
    email             text        not null,
    display_name      text        not null,
    password_hash     text,
    email_verified_at timestamptz,
    disabled_at       timestamptz,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),

    constraint users_pkey
        primary key (id),
    -- Deliverability is found out by sending a mail; this only keeps out what cannot be an address.
    constraint users_email_is_address
        check (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and char_length(email) <= 254),
    constraint users_display_name_is_given
        check (char_length(btrim(display_name)) between 1 and 200),
    -- A PHC string ($argon2id$v=19$…): a password in plain text, put here by mistake, is refused.
    constraint users_password_hash_is_hash
        check (password_hash ~ '^\$[a-z0-9-]+\$.+')
);

-- One account an address, however it is capitalised. Look up with: where lower(email) = lower($1)
create unique index users_email_key on users (lower(email));

create trigger users_set_updated_at
    before update on users
    for each row
    when (old.* is distinct from new.*)
    execute function set_updated_at();

comment on table  users                   is 'Accounts: whoever may log in.';
comment on column users.email             is 'As the user wrote it; unique without regard to case.';
comment on column users.password_hash     is 'PHC string; null for who logs in by single sign-on only.';
comment on column users.email_verified_at is 'When the link in our mail was followed; null until then.';
comment on column users.disabled_at       is 'Since when the account may not log in; null while it may.';


-- sessions ------------------------------------------------------------------------------------------------------------

create table sessions (
    id           uuid        not null default gen_random_uuid(),
    user_id      bigint      not null,
    jwt_sha256   bytea       not null,
    ip_address   inet        not null,
    user_agent   text,
    created_at   timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    expires_at   timestamptz not null,
    revoked_at   timestamptz,

    constraint sessions_pkey
        primary key (id),
    constraint sessions_jwt_sha256_key
        unique (jwt_sha256),
    constraint sessions_user_id_fkey
        foreign key (user_id) references users (id) on delete cascade,
    constraint sessions_jwt_sha256_is_digest
        check (octet_length(jwt_sha256) = 32),
    -- inet holds networks as well; a session comes from one host.
    constraint sessions_ip_address_is_host
        check (masklen(ip_address) = case family(ip_address) when 4 then 32 else 128 end),
    constraint sessions_user_agent_length
        check (char_length(user_agent) <= 1024),
    constraint sessions_expires_after_created
        check (expires_at > created_at),
    constraint sessions_seen_after_created
        check (last_seen_at >= created_at),
    constraint sessions_revoked_after_created
        check (revoked_at >= created_at)
);

-- "Where am I logged in?", and the cascade from users.
create index sessions_user_id_idx on sessions (user_id);

-- For the job that removes expired sessions; revoked ones expire as well.
create index sessions_expires_at_idx on sessions (expires_at);

comment on table  sessions            is 'Logins that were granted, one row a JWT token; purged after they expire.';
comment on column sessions.id         is 'The jti claim of the JWT token.';
comment on column sessions.jwt_sha256 is 'SHA-256 of the JWT token, never the token: a stolen backup opens no session.';
comment on column sessions.ip_address is 'Where the login came from, behind our proxies.';
comment on column sessions.user_agent is 'The User-Agent header as it came, cut at 1,024 characters.';
comment on column sessions.expires_at is 'The exp claim of the JWT token.';
comment on column sessions.revoked_at is 'When it was ended before its time: by logging out, or by an administrator.';


-- audit log -----------------------------------------------------------------------------------------------------------

create table auth_audit_log (
    id          bigint      generated always as identity,
    occurred_at timestamptz not null default clock_timestamp(),
    event       text        not null,
    user_id     bigint,
    session_id  uuid,
    email       text        not null,
    ip_address  inet,
    user_agent  text,
    details     jsonb       not null default '{}',

    constraint auth_audit_log_pkey
        primary key (id),
    -- The log outlives the account; whose it was stands in email.
    constraint auth_audit_log_user_id_fkey
        foreign key (user_id) references users (id) on delete set null,
    -- No enum: a value of an enum can never be removed, a check is replaced in one statement.
    constraint auth_audit_log_event_is_known
        check (event in ('login_succeeded', 'login_failed', 'logged_out', 'session_revoked', 'password_changed',
                         'password_reset_requested', 'email_changed', 'email_verified', 'account_created',
                         'account_disabled', 'account_enabled')),
    constraint auth_audit_log_user_agent_length
        check (char_length(user_agent) <= 1024),
    constraint auth_audit_log_details_is_object
        check (jsonb_typeof(details) = 'object')
);

-- "What happened to this account?", newest first; also for the set null from users.
create index auth_audit_log_user_id_occurred_at_idx on auth_audit_log (user_id, occurred_at desc);

-- Rate limiting asks at every login: how many failures from this address in the last minutes?
create index auth_audit_log_failures_idx on auth_audit_log (ip_address, occurred_at) where event = 'login_failed';

-- Rows come in the order of time: a block range index of a few pages serves reports and purging.
create index auth_audit_log_occurred_at_idx on auth_audit_log using brin (occurred_at);

comment on table  auth_audit_log             is 'What happened at the door; only ever appended to, and purged by age.';
comment on column auth_audit_log.occurred_at is 'Time of the event, not of the transaction.';
comment on column auth_audit_log.user_id     is 'Null where nobody was recognised, or the account is gone since.';
comment on column auth_audit_log.session_id  is 'No foreign key on purpose: sessions are purged sooner than the log.';
comment on column auth_audit_log.email       is 'The account''s, or what was typed in: all that a failed login leaves.';
comment on column auth_audit_log.details     is 'What only this kind of event has, such as the reason of a failure.';
