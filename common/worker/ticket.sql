-- The projection of tickets: one row each, loaded and saved as sets, always of one lane.

-- name: ticket_load
select t.ticket, revision, state, before, received_at, waiting_since, resolved_at, closed_at, reopened,
       kind, severity, mode, channel, priority, customer, owner, owner_role, assigned_at, missing, unassignable,
       policies, lifecycle, facts, evidence, flags, data, cause_id, cause_source, traceparent, tracestate
  from unnest($2::text[]) as wanted (id)
 cross join lateral (select * from ticket where lane = $1::int4 and ticket = wanted.id offset 0) as t -- always by the key

-- name: ticket_save
insert into ticket (lane, ticket, revision, state, before, received_at, waiting_since, resolved_at, closed_at, reopened,
                    kind, severity, mode, channel, priority, customer, owner, owner_role, assigned_at, missing, unassignable,
                    policies, lifecycle, facts, evidence, flags, data, cause_id, cause_source, traceparent, tracestate)
select $1::int4, n.*
  from unnest($2::text[], $3::int4[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[],
              $9::timestamptz[], $10::int4[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
              $17::text[], $18::text[], $19::timestamptz[], $20::text[], $21::bool[], $22::text[], $23::int4[], $24::text[],
              $25::text[], $26::text[], $27::text[], $28::text[], $29::text[], $30::text[], $31::text[]) as n
on conflict (lane, ticket) do update
   set revision = excluded.revision, state = excluded.state, before = excluded.before, waiting_since = excluded.waiting_since,
       resolved_at = excluded.resolved_at, closed_at = excluded.closed_at, reopened = excluded.reopened, kind = excluded.kind,
       severity = excluded.severity, mode = excluded.mode, channel = excluded.channel, priority = excluded.priority,
       customer = excluded.customer, owner = excluded.owner, owner_role = excluded.owner_role,
       assigned_at = excluded.assigned_at, missing = excluded.missing, unassignable = excluded.unassignable,
       facts = excluded.facts, evidence = excluded.evidence, flags = excluded.flags, data = excluded.data
