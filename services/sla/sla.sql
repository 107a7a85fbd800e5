-- The clocks of tickets: always of one lane, always as sets in the order of the key.

-- name: load_clocks
select ticket, clock_id, policy, version, name, number, rule, state, started_at, started_revision, due_at, paused_at,
       paused_us, breached_at, ended_at, why, warned, calendar, calendar_version, cause_id, cause_source, traceparent, tracestate
  from clock
 where lane = $1::int4 and ticket = any ($2::text[])

-- What a due timer needs and no more: its clock, and what a fact says of the ticket.
-- name: load_due
select c.ticket, clock_id, policy, version, name, number, rule, c.state, started_at, started_revision, due_at, paused_at,
       paused_us, breached_at, ended_at, why, warned, calendar, calendar_version, c.cause_id, c.cause_source, c.traceparent,
       c.tracestate, t.revision, t.state, t.kind
  from unnest($2::text[], $3::text[]) as wanted (ticket, id)
 cross join lateral (select * from clock where lane = $1::int4 and ticket = wanted.ticket and clock_id = wanted.id offset 0) as c
 cross join lateral (select revision, state, kind from ticket where lane = $1::int4 and ticket = wanted.ticket offset 0) as t

-- name: insert_clocks
insert into clock (lane, ticket, clock_id, rule, state, started_at, started_revision, due_at, paused_at, paused_us, breached_at,
                   ended_at, why, warned, calendar, calendar_version, policy, version, name, number, cause_id, cause_source,
                   traceparent, tracestate)
select $1::int4, n.*
  from unnest($2::text[], $3::text[], $4::int4[], $5::text[], $6::timestamptz[], $7::int4[], $8::timestamptz[],
              $9::timestamptz[], $10::int8[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::int4[], $15::text[],
              $16::int4[], $17::text[], $18::int4[], $19::text[], $20::int4[], $21::text[], $22::text[], $23::text[],
              $24::text[]) as n

-- name: update_clocks
update clock c
   set rule = n.rule, state = n.state, started_at = n.started_at, started_revision = n.started_revision, due_at = n.due_at,
       paused_at = n.paused_at, paused_us = n.paused_us, breached_at = n.breached_at, ended_at = n.ended_at, why = n.why,
       warned = n.warned, calendar = n.calendar, calendar_version = n.calendar_version
  from unnest($2::text[], $3::text[], $4::int4[], $5::text[], $6::timestamptz[], $7::int4[], $8::timestamptz[],
              $9::timestamptz[], $10::int8[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::int4[], $15::text[],
              $16::int4[])
       as n (ticket, clock_id, rule, state, started_at, started_revision, due_at, paused_at, paused_us, breached_at, ended_at,
             why, warned, calendar, calendar_version)
 where c.lane = $1::int4 and c.ticket = n.ticket and c.clock_id = n.clock_id
