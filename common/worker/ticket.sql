-- The projection of tickets: one row each, loaded and saved as sets, always of one lane.

-- name: ticket_load
select t.ticket, revision, state, before, received_at, waiting_since, resolved_at, closed_at, reopened,
       kind, severity, mode, channel, priority, customer, owner, owner_role, assigned_at, missing, unassignable,
       policies, lifecycle, facts, evidence, flags, data, cause_id, cause_source, traceparent, tracestate
  from unnest($2::text[]) as wanted (id)
 cross join lateral (select * from ticket where lane = $1::int4 and ticket = wanted.id offset 0) as t -- always by the key

-- Rows that are new. That one is there already is not expected, but no reason to fail.
-- name: ticket_insert
insert into ticket (lane, ticket, revision, state, before, waiting_since, resolved_at, closed_at, reopened, kind, severity, mode,
                    channel, priority, customer, owner, owner_role, assigned_at, missing, unassignable, facts, evidence, flags,
                    data, received_at, policies, lifecycle, cause_id, cause_source, traceparent, tracestate)
select $1::int4, n.*
  from unnest($2::text[], $3::int4[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[],
              $9::int4[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
              $17::text[], $18::timestamptz[], $19::text[], $20::bool[], $21::text[], $22::text[], $23::text[], $24::text[],
              $25::timestamptz[], $26::text[], $27::int4[], $28::text[], $29::text[], $30::text[], $31::text[]) as n
on conflict (lane, ticket) do update
   set revision = excluded.revision, state = excluded.state, before = excluded.before, waiting_since = excluded.waiting_since,
       resolved_at = excluded.resolved_at, closed_at = excluded.closed_at, reopened = excluded.reopened, kind = excluded.kind,
       severity = excluded.severity, mode = excluded.mode, channel = excluded.channel, priority = excluded.priority,
       customer = excluded.customer, owner = excluded.owner, owner_role = excluded.owner_role,
       assigned_at = excluded.assigned_at, missing = excluded.missing, unassignable = excluded.unassignable,
       facts = excluded.facts, evidence = excluded.evidence, flags = excluded.flags, data = excluded.data

-- Rows that were loaded: no conflict to look for, no lock to write down. By the key and the place found with it, whatever the
-- planner believes of the table.
-- name: ticket_update
update ticket t
   set revision = n.revision, state = n.state, before = n.before, waiting_since = n.waiting_since, resolved_at = n.resolved_at,
       closed_at = n.closed_at, reopened = n.reopened, kind = n.kind, severity = n.severity, mode = n.mode, channel = n.channel,
       priority = n.priority, customer = n.customer, owner = n.owner, owner_role = n.owner_role, assigned_at = n.assigned_at,
       missing = n.missing, unassignable = n.unassignable, facts = n.facts, evidence = n.evidence, flags = n.flags, data = n.data
  from unnest($2::text[], $3::int4[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[],
              $9::int4[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
              $17::text[], $18::timestamptz[], $19::text[], $20::bool[], $21::text[], $22::text[], $23::text[], $24::text[])
       as n (ticket, revision, state, before, waiting_since, resolved_at, closed_at, reopened, kind, severity, mode, channel,
             priority, customer, owner, owner_role, assigned_at, missing, unassignable, facts, evidence, flags, data)
 cross join lateral (select ctid as place from ticket where lane = $1::int4 and ticket = n.ticket offset 0) as found
 where t.ctid = found.place
