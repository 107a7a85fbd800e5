-- The clocks of tickets: always of one lane, always as sets in the order of the key.

-- name: load_clocks
select ticket, clock_id, policy, version, name, number, rule, state, started_at, started_revision, due_at, paused_at,
       paused_us, breached_at, ended_at, why, warned, cause_id, cause_source, traceparent, tracestate
  from clock
 where lane = $1::int4 and ticket = any ($2::text[])

-- name: save_clocks
insert into clock (lane, ticket, clock_id, policy, version, name, number, rule, state, started_at, started_revision, due_at,
                   paused_at, paused_us, breached_at, ended_at, why, warned, cause_id, cause_source, traceparent, tracestate)
select $1::int4, n.*
  from unnest($2::text[], $3::text[], $4::text[], $5::int4[], $6::text[], $7::int4[], $8::int4[], $9::text[],
              $10::timestamptz[], $11::int4[], $12::timestamptz[], $13::timestamptz[], $14::int8[], $15::timestamptz[],
              $16::timestamptz[], $17::text[], $18::int4[], $19::text[], $20::text[], $21::text[], $22::text[]) as n
on conflict (lane, ticket, clock_id) do update
   set rule = excluded.rule, state = excluded.state, started_at = excluded.started_at,
       started_revision = excluded.started_revision, due_at = excluded.due_at, paused_at = excluded.paused_at,
       paused_us = excluded.paused_us, breached_at = excluded.breached_at, ended_at = excluded.ended_at, why = excluded.why,
       warned = excluded.warned
