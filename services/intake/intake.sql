-- Statements of intake. Sets in, sets out: one statement per table and batch. Look-ups are written so that they can only
-- be done by index (= ANY on the key, or a lateral subquery with limit), whatever the planner believes of a new table.

-- name: intake_load_seen
select ident from claim where ident = any($1::bytea[])

-- name: intake_load_tickets
select ticket, ident from ticket where ticket = any($1::text[])

-- The limit is INTAKE_RELATED_MAX.
-- name: intake_load_related
select k.customer, t.ticket
  from unnest($1::text[]) k(customer)
 cross join lateral (select ticket from ticket where customer = k.customer and open limit 100) t

-- Where no CRM feeds the directory, no batch asks about each of its customers.
-- name: intake_any_customer
select exists (select from directory.entity where kind = 'customer' and not deleted)

-- name: intake_find_customers
select id, data from directory.entity where kind = 'customer' and id = any($1::text[]) and not deleted and data is not null

-- name: intake_find_installations
select installation, installation, customer, product, accepted_on, sold_by, manufacturer_months, quality_grade
  from directory.installation
 where installation = any($1::text[]) and not deleted

-- name: intake_find_serials
select s.serial_no, i.installation, i.customer, i.product, i.accepted_on, i.sold_by, i.manufacturer_months, i.quality_grade
  from directory.serial s
 cross join lateral (select * from directory.installation where installation = s.installation and not deleted limit 1) i
 where s.serial_no = any($1::text[])

-- name: intake_find_models
select null::text, i.installation, i.customer, i.product, i.accepted_on, i.sold_by, i.manufacturer_months, i.quality_grade
  from unnest($1::text[], $2::text[]) k(customer, model)
 cross join lateral (select * from directory.installation
                      where customer = k.customer and product = k.model and not deleted limit 1) i

-- What an approval will set; a date is a day of the policy's own zone.
-- name: intake_load_versions
select k.place, v.state,
       coalesce(k.at, k.day::date::timestamp at time zone coalesce(v.document::json ->> 'zone', 'Asia/Shanghai'),
                v.effective_from),
       v.state = 'draft' and json_typeof(v.document::json -> 'approval') = 'array'
         and v.document::json #> '{approval,1}' is not null
  from unnest($1::int[], $2::text[], $3::int[], $4::timestamptz[], $5::text[]) k(place, name, version, at, day)
  join policy.version v on v.name = k.name and v.version = k.version

-- Plain on purpose: a repeat that the look-up could not see yet (another process) makes the worker come again.
-- name: intake_save_tickets
insert into ticket (ticket, ident, lane, customer)
select * from unnest($1::text[], $2::bytea[], $3::int[], $4::text[])

-- name: intake_save_claims
insert into claim (ident) select unnest($1::bytea[])

-- name: intake_approve
update policy.version v
   set state = 'approved', approved_by = k.by, approved_at = k.at, effective_from = k.effective_from
  from unnest($1::text[], $2::int[], $3::text[], $4::timestamptz[], $5::timestamptz[])
       k(name, version, by, at, effective_from)
 where v.name = k.name and v.version = k.version and v.state <> 'abolished'

-- name: intake_set_open
update ticket set open = (ticket = any($2::text[]))
 where ticket = any($1::text[]) and open <> (ticket = any($2::text[]))

-- name: intake_load_entities
select k.n, e.at
  from unnest($1::text[], $2::text[]) with ordinality k(kind, id, n)
 cross join lateral (select at from directory.entity where kind = k.kind and id = k.id limit 1) e

-- name: intake_load_presence
select k.n, p.at
  from unnest($1::text[]) with ordinality k(staff, n)
 cross join lateral (select at from directory.presence where staff = k.staff limit 1) p

-- name: intake_save_entities
insert into directory.entity as e (kind, id, at, deleted, data)
select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bool[], $5::text[])
on conflict (kind, id) do update set at = excluded.at, deleted = excluded.deleted, data = excluded.data
 where excluded.at >= e.at

-- name: intake_save_presence
insert into directory.presence as p (staff, at, on_post, data)
select * from unnest($1::text[], $2::timestamptz[], $3::bool[], $4::text[])
on conflict (staff) do update set at = excluded.at, on_post = excluded.on_post, data = excluded.data
 where excluded.at >= p.at

-- name: intake_drop_serials
delete from directory.serial where installation = any($1::text[])

-- A deleted one keeps its row, owned by nobody, so that one statement writes the table. The number is INSTALLATION_UNKNOWN.
-- name: intake_save_installations
insert into directory.installation
       (installation, deleted, customer, product, accepted_on, sold_by, manufacturer_months, quality_grade, lane, changed)
select installation, deleted, customer, product, accepted_on, sold_by,
       nullif(months, -9223372036854775808), nullif(grade, -9223372036854775808), lane, g.installations
  from unnest($1::text[], $2::bool[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int8[], $8::int8[], $9::int4[])
       k(installation, deleted, customer, product, accepted_on, sold_by, months, grade, lane)
 cross join directory.generation g
on conflict (installation) do update
   set deleted = excluded.deleted, customer = excluded.customer, product = excluded.product,
       accepted_on = excluded.accepted_on, sold_by = excluded.sold_by,
       manufacturer_months = excluded.manufacturer_months, quality_grade = excluded.quality_grade,
       lane = excluded.lane, changed = excluded.changed

-- name: intake_save_serials
insert into directory.serial (serial_no, installation)
select * from unnest($1::text[], $2::text[])
on conflict (serial_no) do update set installation = excluded.installation

-- name: intake_raise_generation
update directory.generation set people = people + $1, things = things + $2, installations = installations + $3
