-- The settings of each user.
--
-- A user without a row has the defaults, so no rows are inserted for existing accounts.
--
-- Adding the foreign key locks the table users against writes for a moment. While the migration waits for this lock,
-- logins wait behind it: so it stops waiting after 5 seconds, and sqlmigrate tries again a little later.
-- sqlmigrate: lock-timeout 5s

create table user_settings (
    user_id             bigint      not null,
    locale              text        not null default 'en',
    time_zone           text        not null default 'UTC',
    theme               text        not null default 'system',
    email_notifications boolean     not null default true,
    preferences         jsonb       not null default '{}',
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),

    -- At most one row for each user, so the reference is also the primary key.
    constraint user_settings_pkey
        primary key (user_id),
    constraint user_settings_user_id_fkey
        foreign key (user_id) references users (id) on delete cascade,
    constraint user_settings_locale_is_tag
        check (locale ~ '^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$'),
    -- Only the form is checked. The time zones that exist change with each update of the server's tz database.
    constraint user_settings_time_zone_is_name
        check (time_zone ~ '^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$'),
    constraint user_settings_theme_is_known
        check (theme in ('system', 'light', 'dark')),
    constraint user_settings_preferences_is_object
        check (jsonb_typeof(preferences) = 'object')
);

create trigger user_settings_set_updated_at
    before update on user_settings
    for each row
    when (old.* is distinct from new.*)
    execute function set_updated_at();

comment on table  user_settings             is 'The settings of a user; a user without a row has the defaults.';
comment on column user_settings.locale      is 'Language, script and region as in BCP 47: en, de-CH, zh-Hant-TW.';
comment on column user_settings.time_zone   is 'IANA name: Europe/Zurich. Abbreviations have no daylight saving time.';
comment on column user_settings.preferences is 'Settings of single pages, by key; what queries search has a column.';
