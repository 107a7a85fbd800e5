-- Snapshots and counters: always of one lane, as sets in the order of the key. Only what adds up all lanes reads across them.

-- name: reporting_tickets_load
select t.ticket, revision, state, kind, severity, mode, channel, priority, fault_type, model, version, owner, owner_role, department,
       flags, missing, policies, customer, entitlement, labour, parts, score, satisfied, received_at, updated_at, assigned_at,
       replied_at, contacted_at, arrived_at, resolved_at, confirmed_at, closed_at, reopened, unassignable, waiting_since,
       waiting_reason, waited_us, clocks
  from unnest($2::text[]) as wanted (id)
 cross join lateral (select * from ticket where lane = $1::int4 and ticket = wanted.id offset 0) as t -- always by the key

-- name: reporting_tickets_after
select ticket, revision, state, kind, severity, mode, channel, priority, fault_type, model, version, owner, owner_role, department,
       flags, missing, policies, customer, entitlement, labour, parts, score, satisfied, received_at, updated_at, assigned_at,
       replied_at, contacted_at, arrived_at, resolved_at, confirmed_at, closed_at, reopened, unassignable, waiting_since,
       waiting_reason, waited_us, clocks
  from ticket where lane = $1::int4 and ticket > $2::text order by ticket limit $3::int8

-- name: reporting_tickets_save
insert into ticket (lane, ticket, revision, state, kind, severity, mode, channel, priority, fault_type, model, version, owner,
                    owner_role, department, flags, missing, policies, customer, entitlement, labour, parts, score, satisfied,
                    received_at, updated_at, assigned_at, replied_at, contacted_at, arrived_at, resolved_at, confirmed_at,
                    closed_at, reopened, unassignable, waiting_since, waiting_reason, waited_us, clocks)
select $1::int4, n.*
  from unnest($2::text[], $3::int4[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
              $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[],
              $21::text[], $22::text[], $23::text[], $24::text[], $25::timestamptz[], $26::timestamptz[], $27::timestamptz[],
              $28::timestamptz[], $29::timestamptz[], $30::timestamptz[], $31::timestamptz[], $32::timestamptz[],
              $33::timestamptz[], $34::int4[], $35::bool[], $36::timestamptz[], $37::text[], $38::int8[], $39::text[]) as n
on conflict (lane, ticket) do update
   set revision = excluded.revision, state = excluded.state, kind = excluded.kind, severity = excluded.severity,
       mode = excluded.mode, priority = excluded.priority, fault_type = excluded.fault_type, model = excluded.model,
       version = excluded.version, owner = excluded.owner, owner_role = excluded.owner_role, department = excluded.department,
       flags = excluded.flags, missing = excluded.missing, score = excluded.score, satisfied = excluded.satisfied,
       updated_at = excluded.updated_at, assigned_at = excluded.assigned_at, replied_at = excluded.replied_at,
       contacted_at = excluded.contacted_at, arrived_at = excluded.arrived_at, resolved_at = excluded.resolved_at,
       confirmed_at = excluded.confirmed_at, closed_at = excluded.closed_at, reopened = excluded.reopened,
       unassignable = excluded.unassignable, waiting_since = excluded.waiting_since, waiting_reason = excluded.waiting_reason,
       waited_us = excluded.waited_us, clocks = excluded.clocks

-- name: reporting_lane_load
select counted_from, closed_to from lane where lane = $1::int4

-- name: reporting_lane_make
insert into lane (lane, counted_from, closed_to) values ($1::int4, $2::timestamptz, $2::timestamptz)

-- name: reporting_lane_close
update lane set closed_to = $2::timestamptz where lane = $1::int4

-- name: reporting_count_add
insert into count (lane, at, name, label, value)
select $1::int4, n.* from unnest($2::timestamptz[], $3::text[], $4::text[], $5::int8[]) as n
on conflict (lane, at, name, label) do update set value = count.value + excluded.value

-- name: reporting_due_add
insert into due (lane, at, clocks)
select $1::int4, n.* from unnest($2::timestamptz[], $3::int8[]) as n
on conflict (lane, at) do update set clocks = due.clocks + excluded.clocks

-- Rows of windows that every length has published become the level they stood for.
-- name: reporting_fold
with gone as (
  delete from count where lane = $1::int4 and at < (select min(published_to) from published where seconds = any ($2::int4[]))
  returning name, label, value
)
insert into level (lane, name, label, value)
select $1::int4, name, label, sum(value)::int8 from gone group by name, label
on conflict (lane, name, label) do update set value = level.value + excluded.value

-- name: reporting_due_prune
delete from due where lane = $1::int4 and at < $2::timestamptz and clocks = 0

-- name: reporting_lanes_closed
select count(*), min(closed_to), max(counted_from) from lane

-- name: reporting_published_load
select seconds, published_to from published order by seconds

-- name: reporting_published_save
insert into published (seconds, published_to)
select n.* from unnest($1::int4[], $2::timestamptz[]) as n
on conflict (seconds) do update set published_to = excluded.published_to

-- Of every window of $4 seconds in [$2, $3): what all lanes counted in it.
-- name: reporting_windows_sum
select floor(extract(epoch from at - $2::timestamptz) / $4::int8)::int8 as place, name, label, sum(value)::int8
  from count where lane = any ($1::int4[]) and at >= $2::timestamptz and at < $3::timestamptz
 group by place, name, label order by place, name, label

-- The levels of all lanes at an instant.
-- name: reporting_levels
select name, label, sum(value)::int8
  from (select name, label, value from level where lane = any ($1::int4[])
        union all
        select name, label, value from count where lane = any ($1::int4[]) and at < $2::timestamptz) as moved
 where name = any ($3::text[])
 group by name, label having sum(value) <> 0 order by name, label

-- name: reporting_dues
select at, sum(clocks)::int8 from due
 where lane = any ($1::int4[]) and at >= $2::timestamptz and at < $3::timestamptz group by at order by at

-- name: republish_newest
select coalesce(max(id), 0)::int8 from republish

-- The oldest request that this lane is not done with.
-- name: republish_next
select r.id, r.tickets is not null, coalesce(d.after, '')
  from republish r left join republished d on d.request = r.id and d.lane = $1::int4
 where not coalesce(d.done, false) order by r.id limit 1

-- name: republish_tickets
select ticket from ticket
 where lane = $1::int4 and ticket = any ((select tickets from republish where id = $2::int8)::text[]) order by ticket

-- name: republish_note
insert into republished (request, lane, after, count, done)
values ($1::int8, $2::int4, $3::text, $4::int8, $5::bool)
on conflict (request, lane) do update
   set after = excluded.after, count = republished.count + excluded.count, done = excluded.done
