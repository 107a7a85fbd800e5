-- aftercarectl rebuild: what the topics said, stored as it was read (rebuild.record, rebuild.dead), and from it the rows that the
-- daemons should have. One statement per table: what a row is, is said here a second time and on purpose not in the words of the
-- daemons' own code; only ticket facts are laid upon tickets by the function that all daemons share.

-- name: rebuild_is_empty
select not exists (select from pg_namespace where nspname in ('aftercare', 'rebuild'))

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
            filter (where name in ('sla.started', 'sla.resumed', 'sla.rescheduled', 'sla.met')))[1] as due_at,
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
  select distinct on (lane, survey) * from said order by lane, survey, place
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

-- ---- rows to be compared: key and row as JSON, in the order of the key's bytes ----
-- The same statement for both sides, without the columns that no topic holds; where a single row is known in part, the made
-- one lacks the members that are not known (`made_`).

-- name: rows_intake_ticket
declare rebuild_rows no scroll cursor for
select jsonb_build_array(ticket)::text collate "C" as key, to_jsonb(t)::text from intake.ticket t order by 1

-- name: rows_intake_claim
declare rebuild_rows no scroll cursor for
select jsonb_build_array(encode(ident, 'hex'))::text collate "C" as key, '{}' from intake.claim order by 1

-- name: rows_directory_entity
declare rebuild_rows no scroll cursor for
select jsonb_build_array(kind, id)::text collate "C" as key, to_jsonb(t)::text from directory.entity t order by 1

-- name: rows_directory_presence
declare rebuild_rows no scroll cursor for
select jsonb_build_array(staff)::text collate "C" as key, to_jsonb(t)::text from directory.presence t order by 1

-- name: rows_routing_ticket
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, ticket)::text collate "C" as key,
       (to_jsonb(t) - '{facts,evidence,before,waiting_since}'::text[])::text
  from routing.ticket t order by 1

-- name: rows_routing_workload
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, person)::text collate "C" as key, to_jsonb(t)::text from routing.workload t order by 1

-- name: rows_sla_ticket
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, ticket)::text collate "C" as key, (to_jsonb(t) - 'facts')::text
  from sla.ticket t where strpos(ticket, ':') = 0 order by 1

-- name: rows_sla_clock
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, ticket, clock_id)::text collate "C" as key, (to_jsonb(t) - '{warned,started_revision}'::text[])::text
  from sla.clock t where strpos(ticket, ':') = 0 order by 1

-- A regrade may give a clock another rule, and with it another beginning, without a word when its due time stays.
-- name: made_sla_clock
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, ticket, clock_id)::text collate "C" as key,
       (to_jsonb(t) - '{warned,started_revision}'::text[] - case when calendar is null then '{}' else '{paused_us}'::text[] end
          - case when exists (select from rebuild.record r
                               where r.topic = 'aftercare.tickets' and r.partition = t.lane and r.subject = t.ticket
                                 and r.name in ('ticket.classified', 'ticket.mode_chosen', 'ticket.priority_changed', 'ticket.supplemented')
                                 and r.revision > t.started_revision)
                 then '{rule,started_at,calendar,calendar_version,paused_us}'::text[] else '{}' end)::text
  from sla.clock t order by 1

-- name: rows_notification_ticket
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, ticket)::text collate "C" as key, to_jsonb(t)::text from notification.ticket t order by 1

-- name: rows_survey_ticket
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, ticket)::text collate "C" as key, to_jsonb(t)::text from survey.ticket t order by 1

-- Held ones have not been said yet, and those that were given up while held never were; how often one that waits was tried is told when it ends.
-- name: rows_notification_message
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, message)::text collate "C" as key,
       (to_jsonb(t) - '{via,lease_until,held,desk,policy}'::text[]
          - case when state = 'requested' then '{attempts,reason,uncertain}' else '{}'::text[] end)::text
  from notification.message t where state <> 'held' and not (state = 'failed' and text = '') order by 1

-- name: rows_directory_installation
declare rebuild_rows no scroll cursor for
select jsonb_build_array(installation)::text collate "C" as key,
       (to_jsonb(t) - '{lane,changed,manufacturer_months,quality_grade}'::text[])::text
  from directory.installation t order by 1

-- What is only planned, and what was dropped, no fact has told of.
-- name: rows_survey_survey
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, survey)::text collate "C" as key, to_jsonb(t)::text
  from survey.survey t where state not in ('planned', 'dropped') order by 1

-- name: rows_dead_letter
declare rebuild_rows no scroll cursor for
select jsonb_build_array(service, topic, partition, "offset")::text collate "C" as key, to_jsonb(t)::text
  from (select 'intake' as service, * from intake.dead_letter union all select 'notification', * from notification.dead_letter
        union all select 'reporting', * from reporting.dead_letter union all select 'routing', * from routing.dead_letter
        union all select 'sla', * from sla.dead_letter union all select 'survey', * from survey.dead_letter) t order by 1

-- One that was too large to be published has its bytes in the database alone.
-- name: made_dead_letter
declare rebuild_rows no scroll cursor for
select jsonb_build_array(service, topic, partition, "offset")::text collate "C" as key,
       (to_jsonb(t) - case when detail like '%too large to be published%' then '{detail,key,value}' else '{}'::text[] end)::text
  from rebuild.dead t order by 1

-- name: rebuild_fetch
fetch 2000 from rebuild_rows

-- Every table that the daemons keep.
-- name: rebuild_all_tables
select n.nspname || '.' || c.relname
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'aftercare', 'rebuild', 'public')
   and n.nspname !~ '^pg_'
 order by 1
