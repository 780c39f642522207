-- Accounts, their sessions, and a log of all logins.
--
-- Text columns have a length check instead of varchar(n): a check can be changed without rewriting the table.
-- All times are timestamptz. What a client sends (address, user agent) is stored unchanged, for audits.


-- One function for all tables with updated_at, so that the application cannot forget to set it.
create function set_updated_at() returns trigger
    language plpgsql
as $$
begin
    new.updated_at := pg_catalog.now();
    return new;
end;
$$;

comment on function set_updated_at() is 'Trigger function: sets updated_at of the changed row.';


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
    -- Rejects only what cannot be an address. Whether it receives mail is known after a mail was sent.
    constraint users_email_is_address
        check (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and char_length(email) <= 254),
    constraint users_display_name_is_given
        check (char_length(btrim(display_name)) between 1 and 200),
    -- A PHC string ($argon2id$v=19$…). Rejects a plain-text password that is stored here by mistake.
    constraint users_password_hash_is_hash
        check (password_hash ~ '^\$[a-z0-9-]+\$.+')
);

-- One account for each address, in upper or lower case. Look up with: where lower(email) = lower($1)
create unique index users_email_key on users (lower(email));

create trigger users_set_updated_at
    before update on users
    for each row
    when (old.* is distinct from new.*)
    execute function set_updated_at();

comment on table  users                   is 'Accounts that can log in.';
comment on column users.email             is 'As the user wrote it; unique in upper and lower case.';
comment on column users.password_hash     is 'PHC string; null if the user logs in only by single sign-on.';
comment on column users.email_verified_at is 'When the link in our mail was opened; null until then.';
comment on column users.disabled_at       is 'Since when the account cannot log in; null if it can.';


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
    -- inet can also hold a network, but a session comes from one host.
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

-- For "where am I logged in?", and for the cascade from users.
create index sessions_user_id_idx on sessions (user_id);

-- For the job that deletes expired sessions. Revoked sessions expire as well.
create index sessions_expires_at_idx on sessions (expires_at);

comment on table  sessions            is 'Successful logins, one row for each JWT token; deleted after they expire.';
comment on column sessions.id         is 'The jti claim of the JWT token.';
comment on column sessions.jwt_sha256 is 'SHA-256 of the JWT token, not the token: a stolen backup gives no access.';
comment on column sessions.ip_address is 'Address of the client, not of our proxies.';
comment on column sessions.user_agent is 'The User-Agent header, cut at 1,024 characters.';
comment on column sessions.expires_at is 'The exp claim of the JWT token.';
comment on column sessions.revoked_at is 'When the user or an administrator ended the session before it expired.';


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
    -- The log stays when an account is deleted; email still tells whose it was.
    constraint auth_audit_log_user_id_fkey
        foreign key (user_id) references users (id) on delete set null,
    -- Not an enum: values of an enum cannot be removed, but a check can be replaced.
    constraint auth_audit_log_event_is_known
        check (event in ('login_succeeded', 'login_failed', 'logged_out', 'session_revoked', 'password_changed',
                         'password_reset_requested', 'email_changed', 'email_verified', 'account_created',
                         'account_disabled', 'account_enabled')),
    constraint auth_audit_log_user_agent_length
        check (char_length(user_agent) <= 1024),
    constraint auth_audit_log_details_is_object
        check (jsonb_typeof(details) = 'object')
);

-- For "what happened to this account?", newest first, and for the set null from users.
create index auth_audit_log_user_id_occurred_at_idx on auth_audit_log (user_id, occurred_at desc);

-- For rate limiting, which counts at every login the recent failures from the same address.
create index auth_audit_log_failures_idx on auth_audit_log (ip_address, occurred_at) where event = 'login_failed';

-- Rows are inserted in the order of time, so a BRIN index of a few pages is enough for reports and for deleting by age.
create index auth_audit_log_occurred_at_idx on auth_audit_log using brin (occurred_at);

comment on table  auth_audit_log             is 'Log of logins and account changes; never updated, deleted by age.';
comment on column auth_audit_log.occurred_at is 'Time of the event, not of the transaction.';
comment on column auth_audit_log.user_id     is 'Null if the account was not recognised, or was deleted later.';
comment on column auth_audit_log.session_id  is 'No foreign key: sessions are deleted sooner than the log.';
comment on column auth_audit_log.email       is 'Address of the account, or what was entered at a failed login.';
comment on column auth_audit_log.details     is 'What only this kind of event has, such as the reason of a failure.';
