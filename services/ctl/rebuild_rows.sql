-- aftercarectl rebuild, comparing: key and row as JSON, in the order of the key's bytes. The same statement for both sides, without
-- the columns that no topic holds; where a single row is known in part, the made one lacks the members that are not known (`made_`).

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

-- Days are compared by their date: a fact tells no zone.
-- name: rows_survey_visit
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, visit)::text collate "C" as key,
       (to_jsonb(t) || jsonb_build_object(
          'from_day', ((from_day + interval '13 h') at time zone 'UTC')::date, 'due_day', ((due_day + interval '13 h') at time zone 'UTC')::date,
          'planned_on', ((planned_on + interval '13 h') at time zone 'UTC')::date,
          'done_on', ((done_on + interval '13 h') at time zone 'UTC')::date))::text
  from survey.visit t order by 1

-- An arrangement, the visitors' own name and the record may come later than the fact: nobody tells of them then.
-- name: made_survey_visit
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, visit)::text collate "C" as key,
       (to_jsonb(t) - case when planned_on is null then '{planned_on}' else '{}'::text[] end
          - case when named is null then '{named}' else '{}'::text[] end - case when recorded then '{}' else '{recorded}'::text[] end
          || jsonb_build_object(
          'from_day', (from_day at time zone 'UTC')::date, 'due_day', (due_day at time zone 'UTC')::date,
          'done_on', (done_on at time zone 'UTC')::date)
          || case when planned_on is null then '{}' else jsonb_build_object('planned_on', (planned_on at time zone 'UTC')::date) end)::text
  from survey.visit t order by 1

-- name: rows_notification_counter
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, ticket)::text collate "C" as key, (to_jsonb(t) - '{told,held}'::text[])::text
  from notification.counter t where messages > 0 or option is not null or expected is not null order by 1

-- name: rows_reporting_ticket
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, ticket)::text collate "C" as key, to_jsonb(t)::text from reporting.ticket t order by 1

-- Of so many clocks only the newest are kept.
-- name: made_reporting_ticket
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, ticket)::text collate "C" as key,
       (to_jsonb(t) - case when cardinality(string_to_array(clocks, E'\n')) > 32 then '{clocks}' else '{}'::text[] end)::text
  from reporting.ticket t order by 1

-- A level is the sum of all that ever moved it, however much of that has been folded.
-- name: rows_reporting_level
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, name, label)::text collate "C" as key, jsonb_build_object('value', sum(value)::int8)::text
  from (select lane, name, label, value from reporting.level union all select lane, name, label, value from reporting.count) c
 where name in ('open_by_state', 'open_by_severity', 'tickets_overdue', 'tickets_unassignable', 'clocks_running')
 group by lane, name, label having sum(value) <> 0 order by 1

-- name: rows_reporting_due
declare rebuild_rows no scroll cursor for
select jsonb_build_array(lane, at)::text collate "C" as key, to_jsonb(t)::text from reporting.due t where clocks <> 0 order by 1

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
