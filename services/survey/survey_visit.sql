-- Visits: what survey keeps of them, and what it reads of the directory. Sets only; always by a key or an index.

-- name: visit_generation
select p.value + d.installations from policy.generation p, directory.generation d

-- name: visit_load_scan
select p.value, s.policies, s.changed, s.installation
  from policy.generation p left join visit_scan s on s.lane = $1::int4

-- name: visit_save_scan
insert into visit_scan (lane, policies, changed, installation) values ($1::int4, $2::int8, $3::int8, $4::text)
on conflict (lane) do update
   set policies = excluded.policies, changed = excluded.changed, installation = excluded.installation

-- name: visit_load_page
select changed, installation from directory.installation
 where lane = $1::int4 and (changed, installation) > ($2::int8, $3::text)
 order by changed, installation limit $4::int8

-- name: visit_load_named
select v.installation
  from unnest($2::text[]) k (visit)
 cross join lateral (select installation from visit where lane = $1::int4 and visit = k.visit limit 1) v

-- name: visit_load_installations
select i.installation, i.customer, e.data
  from unnest($1::text[]) k (installation)
 cross join lateral (select * from directory.installation
                      where installation = k.installation and not deleted limit 1) i
  left join lateral (select data from directory.entity where kind = 'installation' and id = k.installation limit 1) e on true

-- name: visit_load
select v.visit, v.installation, programme, policy, version, number, state, from_day, due_day, planned_on, done_on, named, recorded
  from unnest($2::text[]) k (installation)
 cross join lateral (select * from visit where lane = $1::int4 and installation = k.installation offset 0) v

-- name: visit_save
insert into visit (lane, visit, installation, programme, policy, version, number, state, from_day, due_day, planned_on, done_on,
                   named, recorded)
select $1::int4, n.*
  from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::int4[], $7::int4[], $8::text[], $9::timestamptz[],
              $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::bool[]) as n
on conflict (lane, visit) do update
   set policy = excluded.policy, version = excluded.version, state = excluded.state, from_day = excluded.from_day,
       due_day = excluded.due_day, planned_on = excluded.planned_on, done_on = excluded.done_on, named = excluded.named,
       recorded = excluded.recorded
