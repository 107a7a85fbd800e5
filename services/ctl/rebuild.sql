-- aftercarectl rebuild: what the topics said, stored as it was read (rebuild.record, rebuild.dead), and from it the rows that the
-- daemons should have. One statement per table: what a row is, is said here a second time and on purpose not in the words of the
-- daemons' own code; only ticket facts are laid upon tickets by the function that all daemons share.

-- name: rebuild_is_empty
select not exists (select from pg_namespace where nspname in ('aftercare', 'rebuild')),
       exists (select from pg_namespace where nspname = 'rebuild')

-- name: rebuild_database
select exists (select from pg_database where datname = $1::text), format('create database %I', $1::text)

-- name: rebuild_schema
create schema rebuild

-- What a writer has said twice, or a claim that came twice, is left out while reading.
-- name: rebuild_make_record
create table rebuild.record (
  topic text not null collate "C", partition int not null, "offset" bigint not null, name text not null collate "C",
  subject text collate "C", at timestamptz, revision int, copied boolean not null, ident bytea,
  cause_id text, cause_source text, traceparent text, tracestate text, data text,
  primary key (topic, partition, "offset"))

-- name: rebuild_make_dead
create table rebuild.dead (
  service text not null collate "C", topic text not null collate "C", partition int not null, "offset" bigint not null,
  at timestamptz, reason text, detail text, key bytea, value bytea,
  primary key (service, topic, partition, "offset"))

-- ---- what the statements below share ----

-- The last, or first, of many that is not null; in the order that the aggregate is given.
-- name: rebuild_make_coalesce
create function rebuild.keep(anyelement, anyelement) returns anyelement language sql immutable as 'select coalesce($1, $2)'

-- name: rebuild_make_replace
create function rebuild.replace(anyelement, anyelement) returns anyelement language sql immutable as 'select coalesce($2, $1)'

-- name: rebuild_make_first
create aggregate rebuild.first(anyelement) (sfunc = rebuild.keep, stype = anyelement)

-- name: rebuild_make_last
create aggregate rebuild.last(anyelement) (sfunc = rebuild.replace, stype = anyelement)

-- A day: what is compared of it is its date.
-- name: rebuild_make_day
create function rebuild.day(value text) returns timestamptz language sql immutable
return (value::date)::timestamp at time zone 'UTC'

-- Microseconds, as daemons write them into texts.
-- name: rebuild_make_us
create function rebuild.us(at timestamptz) returns text language sql immutable
return coalesce((extract(epoch from at) * 1000000)::int8::text, '-')

-- Words of a list, blank-separated.
-- name: rebuild_make_words
create function rebuild.words(list json) returns text language sql immutable
return (select string_agg(word, ' ' order by n)
          from json_array_elements_text(case when json_typeof(list) = 'array' then list end) with ordinality as w (word, n)
         where word <> '')

-- What may be a telephone number: ten digits, however they are grouped.
-- name: rebuild_make_numeric
create function rebuild.has_number(value text) returns boolean language sql immutable
return regexp_replace(value, '[- ()]', '', 'g') ~ '[0-9]{10}'

-- Reports hold no personal data: a code is one word, or "other".
-- name: rebuild_make_code
create function rebuild.code(value json) returns text language sql immutable
return case when json_typeof(value) not in ('string', 'number') or value #>> '{}' = '' then null
            when octet_length(value #>> '{}') > 48 or value #>> '{}' ~ '[ @]' or rebuild.has_number(value #>> '{}') then 'other'
            else value #>> '{}' end

-- Names of products have capitals in them, and then digits mean nothing.
-- name: rebuild_make_thing
create function rebuild.thing(value json) returns text language sql immutable
return case when json_typeof(value) <> 'string' or value #>> '{}' = '' or octet_length(value #>> '{}') > 96 or value #>> '{}' ~ '[@\n]'
                 or rebuild.has_number(regexp_replace((value #>> '{}') collate "C", '[^ :/,;]*[A-Z][^ :/,;]*', '|', 'g')) then null
            else value #>> '{}' end

-- ---- reading ----

-- name: rebuild_save_records
insert into rebuild.record
select $1::text, $2::int4, n.*
  from unnest($3::int8[], $4::text[], $5::text[], $6::timestamptz[], $7::int4[], $8::bool[], $9::bytea[], $10::text[], $11::text[],
              $12::text[], $13::text[], $14::text[]) as n

-- A dead letter has no sequence by which a repeat is known; it is known by what it is about.
-- name: rebuild_save_dead
insert into rebuild.dead
select * from unnest($1::text[], $2::text[], $3::int4[], $4::int8[], $5::timestamptz[], $6::text[], $7::text[], $8::bytea[],
                     $9::bytea[]) as n
on conflict do nothing

-- name: rebuild_analyze
analyze rebuild.record, rebuild.dead, survey.ticket

-- ---- the tables ----

-- name: rebuild_followers
with to_sla as (insert into sla.ticket select * from survey.ticket),
     to_routing as (insert into routing.ticket select * from survey.ticket)
insert into notification.ticket select * from survey.ticket

-- name: rebuild_intake_ticket
insert into intake.ticket (ticket, ident, lane, customer, open)
select distinct on (r.subject) r.subject, r.ident, r.partition,
       coalesce(nullif(btrim(r.data::json #>> '{customer,id}', E' \t\r\n'), ''), nullif(btrim(r.data::json #>> '{customer,phone}', E' \t\r\n'), ''),
                nullif(btrim(r.data::json #>> '{customer,email}', E' \t\r\n'), '')),
       t.state not in ('closed', 'rejected', 'cancelled')
  from rebuild.record r
  join survey.ticket t on t.lane = r.partition and t.ticket = r.subject
 where r.topic = 'aftercare.tickets' and r.name = 'ticket.registered'
 order by r.subject, r.partition, r."offset"

-- Claims are copied into a log with their own id. Of the directory only people are; the rest is known by what was not refused.
-- name: rebuild_intake_claim
insert into intake.claim
select ident from rebuild.record where topic in ('aftercare.tickets', 'aftercare.desk') and copied and ident is not null
union
select r.ident from rebuild.record r
 where r.topic = 'aftercare.directory' and r.ident is not null
   and not exists (select from rebuild.dead d where d.service = 'intake' and d.topic = r.topic and d.partition = r.partition
                      and d."offset" = r."offset")

-- The last one by its own time; of two of the same time the one that was read later.
-- name: rebuild_entities
with taken as (
  select distinct on (r.ident) r.*, r.subject as id,
         case r.name when 'staff.leave_approved' then 'leave' when 'staff.leaving' then 'leaving'
                     else split_part(r.name, '.', 1) end as kind
    from rebuild.record r
   where r.topic = 'aftercare.directory' and (r.name like '%.upserted' or r.name in ('staff.leave_approved', 'staff.leaving'))
     and not exists (select from rebuild.dead d where d.service = 'intake' and d.topic = r.topic and d.partition = r.partition
                        and d."offset" = r."offset")
   order by r.ident, r."offset")
insert into directory.entity (kind, id, at, deleted, data)
select distinct on (kind, id) kind, id, at, data is null, data from taken order by kind, id, at desc, "offset" desc

-- name: rebuild_presence
with taken as (
  select distinct on (r.ident) r.*, r.subject as staff
    from rebuild.record r
   where r.topic = 'aftercare.directory' and r.name in ('staff.on_post', 'staff.off_post')
     and not exists (select from rebuild.dead d where d.service = 'intake' and d.topic = r.topic and d.partition = r.partition
                        and d."offset" = r."offset")
   order by r.ident, r."offset")
insert into directory.presence (staff, at, on_post, data)
select distinct on (staff) staff, at, data is null or name = 'staff.on_post', data from taken
 order by staff, at desc, "offset" desc

-- A pause ends with sla.resumed, or with the clock; what of it counts is known without a calendar only.
-- name: rebuild_clocks
with said as (
  select partition as lane, subject as ticket, data::json ->> 'clock_id' as clock_id, name, "offset" as place, revision,
         cause_id, cause_source, traceparent, tracestate, data::json as d, (data::json ->> 'at')::timestamptz as at
    from rebuild.record where topic = 'aftercare.tickets' and name like 'sla.%'
), pauses as (
  select lane, ticket, clock_id, sum(extract(epoch from until - at) * 1000000) as us
    from (select lane, ticket, clock_id, name, at, lead(name) over w as ends,
                 coalesce(lead((d ->> 'met_at')::timestamptz) over w, lead(at) over w) as until
            from said where name in ('sla.paused', 'sla.resumed', 'sla.met', 'sla.cancelled')
          window w as (partition by lane, ticket, clock_id order by place)) p
   where name = 'sla.paused' and ends in ('sla.resumed', 'sla.met') group by 1, 2, 3
), started as (
  select distinct on (lane, ticket, clock_id) * from said where name = 'sla.started' order by lane, ticket, clock_id, place
), clocks as (
  select lane, ticket, clock_id,
         (array_agg(name order by place desc) filter (where name not in ('sla.warned', 'sla.rescheduled')))[1] as last,
         (array_agg((d ->> 'due_at')::timestamptz order by place desc)
            filter (where name in ('sla.started', 'sla.resumed', 'sla.rescheduled', 'sla.breached', 'sla.met')))[1] as due_at,
         (array_agg(at order by place desc) filter (where name = 'sla.paused'))[1] as paused_at,
         max((d ->> 'detected_at')::timestamptz) filter (where name = 'sla.breached') as breached_at,
         max(coalesce((d ->> 'met_at')::timestamptz, at)) filter (where name in ('sla.met', 'sla.corrected', 'sla.cancelled')) as ended_at,
         max(d ->> 'why') filter (where name = 'sla.cancelled') as why
    from said group by 1, 2, 3
)
insert into sla.clock (lane, ticket, clock_id, policy, version, name, number, rule, state, started_at, started_revision, due_at,
                       paused_at, paused_us, breached_at, ended_at, why, cause_id, cause_source, traceparent, tracestate,
                       calendar, calendar_version)
select lane, ticket, clock_id, d #>> '{policy,id}', (d #>> '{policy,version}')::int, d ->> 'clock',
       split_part(clock_id, '/', 4)::int, (d ->> 'rule')::int,
       case last when 'sla.started' then 'running' when 'sla.resumed' then 'running' else substr(last, 5) end,
       (d ->> 'started_at')::timestamptz, revision, due_at, case last when 'sla.paused' then paused_at end,
       coalesce(us, 0), breached_at, ended_at, why, cause_id, cause_source, traceparent, tracestate,
       nullif(d #>> '{calendar,id}', '24x7'),
       case when d #>> '{calendar,id}' = '24x7' then 0 else (d #>> '{calendar,version}')::int end
  from started join clocks using (lane, ticket, clock_id) left join pauses using (lane, ticket, clock_id)

-- name: rebuild_surveys
with said as (
  select partition as lane, subject as ticket, coalesce(data::json ->> 'survey', data::json ->> 'followup') as survey, name,
         "offset" as place, data::json as d, at
    from rebuild.record
   where topic = 'aftercare.tickets' and name in ('survey.due', 'survey.sent', 'survey.scored', 'survey.unreturned', 'followup.due')
), began as (
  select distinct on (lane, survey) * from said where name in ('survey.due', 'followup.due') order by lane, survey, place
), scored as (
  select distinct on (lane, survey) lane, survey, d as answer from said where name = 'survey.scored' order by lane, survey, place
), surveys as (
  select lane, survey, (array_agg(substr(name, strpos(name, '.') + 1) order by place desc))[1] as state,
         max(at) filter (where name = 'survey.sent') as sent_at,
         max(at) filter (where name in ('survey.scored', 'survey.unreturned')) as ended_at
    from said group by 1, 2
)
insert into survey.survey (lane, survey, ticket, type, state, policy, version, programme, form, recipient, excluded, closing, due_at,
                           sent_at, ended_at, score, satisfied, answers, comment)
select lane, survey, ticket, case name when 'followup.due' then 'followup' else 'survey' end, state,
       d #>> '{policy,id}', (d #>> '{policy,version}')::int, d ->> 'programme', d ->> 'form',
       d #>> '{to,role}', d ->> 'not', (d ->> 'closing')::int, (d ->> 'due_at')::timestamptz,
       sent_at, ended_at, case when json_typeof(answer -> 'score') <> 'null' then (answer -> 'score')::text end,
       (answer -> 'satisfied')::text, (answer -> 'answers')::text, answer ->> 'comment'
  from began join surveys using (lane, survey) left join scored using (lane, survey)

-- Who has a ticket already is given nothing by being assigned to it again.
-- name: rebuild_workload
insert into routing.workload (lane, person, open, assigned_at)
select p.lane, p.person, count(t.ticket), p.at
  from (select lane, person, max(at) as at
          from (select partition as lane, data::json ->> 'to' as person, at,
                       lag(data::json ->> 'to') over (partition by partition, subject order by "offset") as had
                  from rebuild.record
                 where topic = 'aftercare.tickets' and name in ('ticket.assigned', 'ticket.owner_changed')) a
         where had is distinct from person group by 1, 2) p
  left join routing.ticket t on t.lane = p.lane and t.owner = p.person and t.state not in ('closed', 'rejected', 'cancelled')
 where p.person is not null
 group by p.lane, p.person, p.at

-- What a message says stands in notify.requested, what became of it in one more fact; an attempt in between tells nobody. One
-- that its own fact delivers, in the same moment, has no row, unless it was held before. A claim of the desk is its own cause.
-- name: rebuild_messages
with said as (
  select partition as lane, data::json ->> 'message' as message, name, "offset" as place, subject, at, data::json as d,
         cause_id, cause_source, traceparent, tracestate
    from rebuild.record where topic = 'aftercare.messages' and name like 'notify.%'
), requested as (
  select distinct on (lane, message) * from said where name = 'notify.requested' order by lane, message, place desc
), ended as (
  select distinct on (lane, message) lane, message, name as ending, at as ended_at, (d ->> 'attempts')::int as attempts,
         d ->> 'reason' as reason, coalesce(d ->> 'certain', '') = 'false' as uncertain
    from said where name in ('notify.sent', 'notify.failed') order by lane, message, place desc
)
insert into notification.message (lane, message, ticket, state, via, attempts, requested_at, finished_at, channel, role, person,
                                  address, subject, text, reason, template, locale, version, policy, rule, why_name, why_id,
                                  why_about, cause_id, cause_source, traceparent, tracestate, uncertain)
select lane, message, subject, coalesce(substr(ending, 8), 'requested'), 'log', coalesce(attempts, 0), at, ended_at,
       d ->> 'channel', d #>> '{to,role}', d #>> '{to,person}', d ->> 'address', d ->> 'subject', d ->> 'text', reason,
       d #>> '{template,id}', d #>> '{template,locale}', (d #>> '{template,version}')::int, d #>> '{policy,id}', d ->> 'rule',
       d #>> '{why,name}', d #>> '{why,id}', d #>> '{why,about}', case when cause_id <> d #>> '{why,id}' then cause_id end,
       case when cause_id <> d #>> '{why,id}' then cause_source end, traceparent, tracestate,
       coalesce(uncertain, false)
  from requested r left join ended using (lane, message)
 where ending is distinct from 'notify.sent' or ended_at <> at
    or exists (select from said s where s.name = 'notify.suppressed' and s.lane = r.lane and s.message = r.message)

-- name: rebuild_installations
insert into directory.installation (installation, customer, product, deleted, accepted_on, sold_by)
select id, data::json ->> 'customer', data::json ->> 'product', deleted, data::json ->> 'accepted_on', data::json ->> 'sold_by'
  from directory.entity where kind = 'installation'

-- ---- visits, counters of messages ----

-- A visit is the last that was said of it; one that was made stays so. What a later word adds to it no fact tells.
-- name: rebuild_visits
with said as (
  select partition as lane, data::json ->> 'visit' as visit, substr(name, 7) as name, "offset" as place, ident, data::json as d
    from rebuild.record
   where topic = 'aftercare.desk' and name in ('visit.due', 'visit.missed', 'visit.completed') and data is not null
     and (name <> 'visit.completed' or data::json -> 'policy' is not null)   -- of others no programme has asked for it
), announced as (
  select distinct on (lane, visit) * from said where name = 'due' and d ->> 'due_at' is not null order by lane, visit, place desc
), newest as (
  select distinct on (lane, visit) * from said order by lane, visit, name = 'completed' desc, place desc
), missed as (
  select distinct on (lane, visit) * from said where name = 'missed' order by lane, visit, place desc
)
insert into survey.visit (lane, visit, installation, programme, policy, version, number, state, from_day, due_day, planned_on, done_on,
                          named, recorded)
select a.lane, a.visit, a.d ->> 'installation', a.d ->> 'programme', a.d #>> '{policy,id}', (a.d #>> '{policy,version}')::int,
       substring(a.visit from '[.]v([0-9]+)(?:-[0-9]+)?$')::int,
       case n.name when 'completed' then 'done' when 'missed' then 'missed'
            else case when n.d ->> 'due_at' is null then 'dropped' else 'due' end end,
       rebuild.day(a.d #>> '{window,from}'), rebuild.day(a.d ->> 'due_at'), rebuild.day(m.d ->> 'planned_on'),
       rebuild.day(n.d ->> 'done_on'), n.d ->> 'named',
       exists (select from rebuild.record r where r.copied and r.name = 'visit.recorded' and r.ident = n.ident)
  from announced a join newest n using (lane, visit) left join missed m using (lane, visit)

-- Every message has a number, also one that is held or suppressed; and what people last said for messages to say.
-- name: rebuild_counters
with issued as (
  select partition as lane, subject as ticket, max(substring(data::json ->> 'message' from '[.]m([0-9]+)$')::int) as messages
    from rebuild.record where topic = 'aftercare.messages' and name like 'notify.%' and data is not null group by 1, 2
), said as (
  select partition as lane, subject as ticket, "offset" as place,
         nullif(btrim(case name when 'ticket.proposed' then data::json ->> 'solution' when 'ticket.promised' then data::json ->> 'until'
                                when 'ticket.scheduled' then null else data::json ->> 'text' end, E' \t\r\n'), '') as option,
         case name when 'ticket.promised' then data::json ->> 'until'
                   when 'ticket.scheduled' then data::json #>> '{window,to}' end as expected
    from rebuild.record r
   where topic = 'aftercare.tickets' and data is not null
     and exists (select from notification.ticket t where t.lane = r.partition and t.ticket = r.subject)
     and name in ('ticket.proposed', 'ticket.plan_sent', 'ticket.solution_sent', 'ticket.promised', 'ticket.scheduled')
), parts as (
  select lane, ticket, rebuild.last(option order by place) as option,
         rebuild.last(case when expected ~ '^[0-9-]{10}T' then expected::timestamptz end order by place) as expected
    from said group by 1, 2
)
insert into notification.counter (lane, ticket, messages, option, expected)
select lane, ticket, coalesce(messages, 0), option, expected from issued full join parts using (lane, ticket)
