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
 where type = $1::text and name = $2::text and version = $3::int4 and state <> 'approved'

-- name: policy_calendars
select distinct name from policy.version where type = 'calendar' and state <> 'abolished'

-- name: policy_list
select type, name, version, state, effective_from, approved_by, approved_at from policy.version order by type, name, version

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
