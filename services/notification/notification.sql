-- What notification keeps beside its tickets. Sets only: one statement per table and batch, rows sorted by key.

-- name: notification_counters
select ticket, messages, told, option, expected, held from counter where lane = $1::int4 and ticket = any ($2::text[])

-- name: notification_counters_save
insert into counter (lane, ticket, messages, told, option, expected, held)
select $1::int4, n.*
  from unnest($2::text[], $3::int4[], $4::text[], $5::text[], $6::timestamptz[], $7::text[]) as n
on conflict (lane, ticket) do update
   set messages = excluded.messages, told = excluded.told, option = excluded.option, expected = excluded.expected, held = excluded.held

-- name: notification_messages
select message, ticket, state, via, attempts, requested_at, lease_until, finished_at, channel, role, person, address, subject, text,
       reason, template, locale, version, policy, rule, why_name, why_id, why_about, cause_id, cause_source,
       traceparent, tracestate, held, uncertain, desk
  from message
 where lane = $1::int4 and message = any ($2::text[])

-- name: notification_messages_save
insert into message (lane, message, ticket, state, via, attempts, requested_at, lease_until, finished_at, channel, role, person, address,
                     subject, text, reason, template, locale, version, policy, rule, why_name, why_id, why_about, cause_id,
                     cause_source, traceparent, tracestate, held, uncertain, desk)
select $1::int4, n.*
  from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::int4[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[],
              $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[],
              $19::int4[], $20::text[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[], $26::text[], $27::text[],
              $28::text[], $29::text[], $30::bool[], $31::bool[]) as n
on conflict (lane, message) do update
   set state = excluded.state, attempts = excluded.attempts, lease_until = excluded.lease_until,
       finished_at = excluded.finished_at, reason = excluded.reason, uncertain = excluded.uncertain,
       -- what a held message gets when it is composed
       via = excluded.via, requested_at = excluded.requested_at, channel = excluded.channel, role = excluded.role,
       person = excluded.person, address = excluded.address, subject = excluded.subject, text = excluded.text,
       locale = excluded.locale, version = excluded.version, held = excluded.held

-- name: notification_stranded
select message, ticket, cause_id, cause_source, traceparent, tracestate
  from message where lane = $1::int4 and desk = $2::bool and lease_until is not null order by message

-- name: notification_customers
select id, data from directory.entity where kind = 'customer' and id = any ($1::text[]) and not deleted and data is not null

-- Never changes: asked for so that every lane has a batch after each take, in which stranded letters are found.
-- name: notification_watch
select 0::int8
