alter type vis rename to vis_old;
create type vis as enum ('Public', 'Private');
alter table community alter column visibility type vis
    using (case visibility::text when 'LocalOnly' then 'Private' else visibility::text end)::vis;
drop type vis_old;
