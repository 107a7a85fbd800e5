-- aftercarectl's statements, with schemas: it has no search_path of its own.

-- name: migration_table
select to_regclass('aftercare.migration') is not null

-- name: migration_list
select number, sha256 from aftercare.migration order by number

-- name: migration_note
insert into aftercare.migration (number, name, sha256) values ($1::int4, $2::text, $3::text)

-- name: policy_find
select sha256, state from policy.version where type = $1::text and name = $2::text and version = $3::int4

-- name: policy_insert
insert into policy.version (type, name, version, document, sha256, state, effective_from, approved_by, approved_at)
values ($1::text, $2::text, $3::int4, $4::text, $5::text, $6::text, $7::timestamptz,
        case when $6::text = 'approved' then session_user::text end, case when $6::text = 'approved' then clock_timestamp() end)

-- name: policy_approve
update policy.version set state = 'approved', approved_by = session_user, approved_at = clock_timestamp()
 where type = $1::text and name = $2::text and version = $3::int4 and state in ('draft', 'reviewed')

-- name: policy_review
update policy.version set state = 'reviewed', reviewed_by = $4::text, reviewed_at = $5::timestamptz
 where type = $1::text and name = $2::text and version = $3::int4 and state = 'draft'

-- name: policy_abolish
update policy.version set state = 'abolished', abolished_by = $4::text, abolished_at = $5::timestamptz
 where type = $1::text and name = $2::text and version = $3::int4 and state <> 'abolished'

-- name: policy_calendars
select distinct name from policy.version where type = 'calendar' and state <> 'abolished'

-- With the day on which the next version of it takes over, and the open tickets that run on it.
-- name: policy_list
select v.type, v.name, v.version, v.state, v.effective_from,
       (select min(o.effective_from) from policy.version o
         where o.type = v.type and o.name = v.name and o.state = 'approved' and v.state = 'approved'
           and (o.effective_from, o.version) > (v.effective_from, v.version)),
       case v.state when 'draft' then v.loaded_by when 'reviewed' then v.reviewed_by when 'approved' then v.approved_by
                    else v.abolished_by end,
       case v.state when 'draft' then v.loaded_at when 'reviewed' then v.reviewed_at when 'approved' then v.approved_at
                    else v.abolished_at end,
       coalesce(t.open, 0)
  from policy.version v
  left join (select line, count(*) as open from routing.ticket, unnest(string_to_array(policies, e'\n')) line
              where state not in ('closed', 'rejected', 'cancelled') group by line) t
    on v.type = 'policy' and t.line = v.name || ' ' || v.version
 order by v.type, v.name, v.version

-- A version, or without number the one in force at $3, else the newest.
-- name: policy_one
select type, name, version, state, effective_from, document, sha256, approved_at
  from policy.version
 where name = $1::text and ($2::int4 = 0 or version = $2::int4)
 order by type <> 'policy', state = 'approved' and effective_from <= $3::timestamptz desc,
          case when state = 'approved' and effective_from <= $3::timestamptz then effective_from end desc, version desc
 limit 1

-- Of each policy the last version that is not abolished.
-- name: policy_newest
select distinct on (name) name, version, document from policy.version
 where type = 'policy' and state <> 'abolished' order by name, version desc

-- name: policy_names
select distinct name || '@' || version from policy.version order by 1

-- name: policy_steps
select state, by, at, login, effective_from from policy.step
 where type = $1::text and name = $2::text and version = $3::int4 order by id

-- name: policy_refused
select reason, detail from intake.dead_letter where event_id = $1::text and event_source = $2::text order by id desc limit 1

-- name: person_role
select (data::jsonb ->> 'role')::text from directory.entity where kind = 'staff' and not deleted and id = $1::text

-- The lifecycle in use, for who may do what.
-- name: policy_lifecycle
select document from policy.version where type = 'lifecycle' and state = 'approved' order by version desc limit 1

-- name: service_list
select n.nspname::text, has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relname = 'source' and c.relkind in ('r', 'p')
   and exists (select from pg_class o where o.relnamespace = n.oid and o.relname = 'outbox')
   and exists (select from pg_class d where d.relnamespace = n.oid and d.relname = 'dead_letter')
 order by n.nspname

-- name: policy_source
select (document::jsonb ->> 'source')::text from policy.version
 where type = 'policy' and name = $1::text and version = $2::int4

-- name: person_names
select id, (data::jsonb ->> 'name')::text from directory.entity where kind = 'staff' and not deleted and id = any ($1::text[])

-- name: ticket_starting
select ticket, lane from intake.ticket where starts_with(ticket, $1::text) order by ticket limit 6

-- name: republish_ask
insert into reporting.republish (tickets) values (case when $1::bool then null else $2::text[] end) returning id

-- name: republish_progress
select (select count(*) from reporting.lane), count(*) filter (where done), coalesce(sum(count), 0)::int8
  from reporting.republished where request = $1::int8

-- name: policy_ticket
select t.ticket, t.lane, t.kind, t.severity, t.mode, t.channel, t.state, t.received_at, t.policies, t.data
  from intake.ticket i join routing.ticket t on t.lane = i.lane and t.ticket = i.ticket
 where starts_with(i.ticket, upper($1::text)) order by i.ticket limit 2

-- name: policy_ticket_clocks
select policy, version, name, rule, state, started_at, due_at, calendar, calendar_version
  from sla.clock where lane = $1::int4 and ticket = $2::text order by started_at, clock_id

-- Of each policy the version in force at that time.
-- name: policy_in_force
select distinct on (name) name || '@' || version from policy.version
 where type = 'policy' and state = 'approved' and effective_from <= $1::timestamptz order by name, effective_from desc, version desc
