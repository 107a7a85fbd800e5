-- aftercarectl rebuild: what reporting has, from the facts: a snapshot's row per ticket, levels, clocks by the minute they are due.
-- Department, pseudonym and time of the last change depend on more than the facts; they are those of the last snapshot published.

-- name: rebuild_snapshots
with told as materialized (
  select partition as lane, subject as ticket, "offset" as place, substr(name, 8) as name, at, data::json as d
    from rebuild.record where topic = 'aftercare.tickets' and name like 'ticket.%' and data is not null
), placed as (
  select *, coalesce(max(place) filter (where name = 'reopened') over w, -1) as reopened_place,
         coalesce(max(place) filter (where name = 'flagged') over w, -1) as flagged_place
    from told window w as (partition by lane, ticket)
), changes as (
  select *, lead(at) over (partition by lane, ticket order by place) as until
    from (select lane, ticket, place, at, d ->> 'state' as state, lag(d ->> 'state') over (partition by lane, ticket order by place) as before
            from told where d ->> 'state' is not null) s
   where state is distinct from before
), waits as (
  select lane, ticket, coalesce(sum(extract(epoch from greatest(until - at, interval '0')) * 1000000), 0)::int8 as us,
         max(at) filter (where until is null) as since, max(place) filter (where until is null) as since_place
    from changes where state in ('waiting_customer', 'waiting_internal') group by 1, 2
), folded as (
  select lane, ticket,
         rebuild.last(nullif((d ->> 'revision')::int, 0) order by place) as revision,
         rebuild.last(d ->> 'state' order by place) as state,
         rebuild.last(rebuild.code(d -> 'kind') order by place) as kind,
         rebuild.last(rebuild.code(d -> 'severity') order by place) filter (where asks) as severity,
         rebuild.last(rebuild.code(d -> 'mode') order by place) filter (where asks) as mode,
         rebuild.last(rebuild.code(d -> 'channel') order by place) filter (where name = 'registered') as channel,
         rebuild.last(rebuild.code(d -> 'priority') order by place) filter (where asks or assigns) as priority,
         rebuild.last(rebuild.code(d -> 'fault_type') order by place) filter (where asks) as fault_type,
         rebuild.last(rebuild.thing(d #> '{product,model}') order by place) filter (where asks) as model,
         rebuild.last(rebuild.thing(d #> '{product,version}') order by place) filter (where asks) as version,
         rebuild.last(d ->> 'to' order by place) filter (where assigns) as owner,
         (array_agg(rebuild.code(d -> 'role') order by place desc) filter (where assigns))[1] as owner_role,
         (array_agg(rebuild.words(d -> 'flags') order by place desc) filter (where name = 'flagged'))[1] as flags,
         bool_or(name = 'escalated' and place > flagged_place) as escalated,
         (array_agg(rebuild.words(d -> 'missing') order by place desc)
            filter (where name in ('registered', 'incomplete', 'supplemented')))[1] as missing,
         rebuild.last((select string_agg((p ->> 'id') || ' ' || (p ->> 'version'), E'\n' order by n)
                         from json_array_elements(d -> 'policies') with ordinality as l (p, n)) order by place)
           filter (where name = 'registered') as policies,
         rebuild.last(rebuild.code(d -> 'entitlement') order by place) filter (where name = 'registered') as entitlement,
         rebuild.last(rebuild.code(d #> '{charge,labour}') order by place) filter (where name = 'registered') as labour,
         rebuild.last(rebuild.code(d #> '{charge,parts}') order by place) filter (where name = 'registered') as parts,
         rebuild.last(coalesce((d ->> 'received_at')::timestamptz, at) order by place) filter (where name = 'registered') as received_at,
         rebuild.first(at order by place) filter (where assigns) as assigned_at,
         rebuild.first(at order by place) filter (where name = 'replied' and d ->> 'automatic' is distinct from 'true') as replied_at,
         rebuild.first(at order by place) filter (where name = 'contacted') as contacted_at,
         rebuild.first(at order by place) filter (where name = 'arrived') as arrived_at,
         rebuild.last(at order by place) filter (where name = 'resolved' and place > reopened_place) as resolved_at,
         rebuild.last(at order by place) filter (where name = 'confirmed' and place > reopened_place) as confirmed_at,
         rebuild.last(at order by place) filter (where name = 'closed' and place > reopened_place) as closed_at,
         coalesce(rebuild.last((d ->> 'count')::int order by place) filter (where name = 'reopened'),
                  (count(*) filter (where name = 'reopened'))::int) as reopened,
         coalesce(rebuild.last(name = 'unassignable' order by place) filter (where assigns or name = 'unassignable'), false) as unassignable
    from (select *, name in ('registered', 'incomplete', 'supplemented', 'classified', 'mode_chosen', 'priority_changed') as asks,
                 name in ('assigned', 'owner_changed') as assigns from placed) p
   group by 1, 2
), reasons as (
  select lane, ticket, (array_agg(rebuild.code(d -> 'reason') order by place desc))[1] as reason
    from told join waits using (lane, ticket) where name = 'waiting' and place >= since_place group by 1, 2
), scored as (
  select distinct on (partition, subject) partition as lane, subject as ticket,
         case when json_typeof(data::json -> 'score') = 'number' then data::json ->> 'score' end as score,
         case when json_typeof(data::json -> 'satisfied') = 'boolean' then data::json ->> 'satisfied' end as satisfied
    from rebuild.record where topic = 'aftercare.tickets' and name = 'survey.scored' and data is not null
   order by partition, subject, "offset" desc
), clock_facts as (
  select partition as lane, subject as ticket, "offset" as place, substr(name, 5) as name, at, data::json as d,
         data::json ->> 'clock_id' as clock_id
    from rebuild.record where topic = 'aftercare.tickets' and name like 'sla.%' and data is not null
), clocks as (
  select lane, ticket, min(place) filter (where name = 'started') as place,
         rebuild.last(d #>> '{policy,id}' order by place) filter (where name = 'started') as policy,
         rebuild.last(d ->> 'clock' order by place) filter (where name = 'started') as name,
         substring(clock_id from '[^/]*$') as number,
         case rebuild.last(name order by place) filter (where name not in ('warned', 'rescheduled'))
              when 'started' then 'r' when 'resumed' then 'r' when 'paused' then 'p' when 'breached' then 'b' when 'corrected' then 'c'
              when 'cancelled' then 'x'
              else case when bool_or(name = 'breached' or (name = 'met' and d -> 'late_s' is not null)) then 'l' else 'm' end end as letter,
         rebuild.last((d ->> 'started_at')::timestamptz order by place) filter (where name = 'started') as started_at,
         rebuild.last((d ->> 'due_at')::timestamptz order by place) as due_at,
         rebuild.last(case name when 'cancelled' then at else (d ->> 'met_at')::timestamptz end order by place)
           filter (where name in ('met', 'corrected', 'cancelled')) as ended_at
    from clock_facts group by lane, ticket, clock_id
), listed as (
  select lane, ticket, string_agg(policy || E'\t' || name || E'\t' || number || E'\t' || letter || E'\t' || rebuild.us(started_at) ||
                                  E'\t' || rebuild.us(due_at) || E'\t' || rebuild.us(ended_at), E'\n' order by place) as clocks
    from clocks where place is not null group by 1, 2
), snapshots as (
  select distinct on (partition, subject) partition as lane, subject as ticket, data::json as d
    from rebuild.record where topic = 'aftercare.ticket-state' and data is not null order by partition, subject, "offset" desc
)
insert into reporting.ticket (lane, ticket, revision, state, kind, severity, mode, channel, priority, fault_type, model, version, owner,
                              owner_role, department, flags, missing, policies, customer, entitlement, labour, parts, score,
                              satisfied, received_at, updated_at, assigned_at, replied_at, contacted_at, arrived_at, resolved_at,
                              confirmed_at, closed_at, reopened, unassignable, waiting_since, waiting_reason, waited_us, clocks)
select lane, ticket, f.revision, f.state, f.kind, f.severity, f.mode, f.channel, f.priority, f.fault_type, f.model, f.version, f.owner,
       f.owner_role, s.d ->> 'department',
       case when escalated and not 'escalated' = any (string_to_array(coalesce(flags, ''), ' ')) then concat_ws(' ', flags, 'escalated')
            else flags end,
       missing, policies, s.d ->> 'customer', entitlement, labour, parts, score, satisfied, received_at,
       coalesce((s.d ->> 'updated_at')::timestamptz, received_at), assigned_at, replied_at, contacted_at, arrived_at, resolved_at,
       confirmed_at, closed_at, reopened, unassignable, since, reason, coalesce(us, 0), clocks
  from folded f left join waits using (lane, ticket) left join reasons using (lane, ticket) left join scored using (lane, ticket)
  left join listed using (lane, ticket) left join snapshots s using (lane, ticket)
 where received_at is not null and f.state is not null

-- name: rebuild_levels
with open as (
  select *, exists (select from string_to_table(clocks, E'\n') c where split_part(c, E'\t', 4) = 'b') as overdue
    from reporting.ticket where state not in ('closed', 'rejected', 'cancelled')
)
insert into reporting.level (lane, name, label, value)
select lane, 'open_by_state', state, count(*) from open group by 1, 3
union all
select lane, 'open_by_severity', coalesce(severity, 'none'), count(*) from open group by 1, 3
union all
select lane, 'tickets_overdue', '', count(*) from open where overdue group by 1
union all
select lane, 'tickets_unassignable', '', count(*) from open where unassignable group by 1
union all
select lane, 'clocks_running', split_part(c, E'\t', 2), count(*)
  from reporting.ticket, string_to_table(clocks, E'\n') c where split_part(c, E'\t', 4) = 'r' group by 1, 3

-- name: rebuild_dues
insert into reporting.due (lane, at, clocks)
select lane, date_trunc('minute', to_timestamp(split_part(c, E'\t', 6)::float8 / 1000000), 'UTC'), count(*)
  from reporting.ticket, string_to_table(clocks, E'\n') c where split_part(c, E'\t', 4) = 'r' group by 1, 2
