-- The ledger's statements: architecture section 4. Every transaction of a source begins with source_advance,
-- source_beat or source_attempt and goes on only when exactly the rows meant were changed.

-- name: source_create
insert into source (topic, partition, incarnation, timeline, system_id, next_offset)
select $1::text, $2::int4, floor(extract(epoch from clock_timestamp()) * 1000)::int8,
       left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), (select system_identifier::text from pg_control_system()), $3::int8
on conflict (topic, partition) do nothing

-- name: source_take
update source s
   set epoch = s.epoch + 1,
       incarnation = case when s.timeline = here.timeline and s.system_id = here.system_id then s.incarnation
                          else greatest(s.incarnation + 1, floor(extract(epoch from clock_timestamp()) * 1000)::int8) end,
       timeline = here.timeline, system_id = here.system_id,
       seen_at = clock_timestamp(), owner = $3::text, clean = false
  from (select id, clean from source where topic = $1::text and partition = $2::int4 for update) old,
       (select left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as timeline,
               (select system_identifier::text from pg_control_system()) as system_id) here
 where s.id = old.id
returning s.id, s.epoch, s.incarnation, s.next_offset, s.out_seq, s.published_seq,
          old.clean, s.suspect_until

-- The topic was made anew: begin again at its start; what we issue from here on is of a new incarnation.
-- name: source_rewind
update source
   set next_offset = $2::int8, suspect_until = -1,
       incarnation = greatest(incarnation + 1, floor(extract(epoch from clock_timestamp()) * 1000)::int8)
 where id = $1::int8
returning incarnation

-- name: source_ours
select id from source where id = $1::int8 and epoch = $2::int8

-- name: source_marks
select writer, incarnation, seq from watermark where source = $1::int8

-- name: source_next_due
select min(due) from timer where source = $1::int8

-- name: source_advance
update source
   set next_offset = $5::int8, published_seq = $6::int8, seen_at = clock_timestamp(), suspect_until = $7::int8
 where id = $1::int8 and epoch = $2::int8 and next_offset = $3::int8 and out_seq = $4::int8

-- name: source_lock_beside
select id from source where topic = $1::text and partition = $2::int4 for no key update

-- name: source_issue
update source set out_seq = out_seq + $2::int8 where id = $1::int8

-- name: source_suspect
update source set suspect_until = $5::int8, seen_at = clock_timestamp()
 where id = $1::int8 and epoch = $2::int8 and next_offset = $3::int8 and out_seq = $4::int8

-- $5: the count that the caller lived to tell of (an outage ended that try); -1: none. $6: what is tried: an offset; -2: timers.
-- name: source_attempt
update source
   set attempts = case when attempt_offset = $6::int8 and attempts = $5::int8 then attempts
                       when attempt_offset = $6::int8 then attempts + 1 else 1 end,
       attempt_offset = $6::int8, seen_at = clock_timestamp()
 where id = $1::int8 and epoch = $2::int8 and next_offset = $3::int8 and out_seq = $4::int8
returning attempts

-- name: source_attempt_over
update source set attempts = 0 where id = $1::int8

-- name: source_beat
update source s
   set next_offset = b.next, published_seq = b.published, seen_at = clock_timestamp(), clean = $7::bool
  from unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[])
       as b (id, epoch, next_offset, out_seq, next, published)
 where s.id = b.id and s.epoch = b.epoch and s.next_offset = b.next_offset and s.out_seq = b.out_seq
returning s.id

-- Rows that somebody has taken after us, under our own name.
-- name: source_rival
select count(*)
  from source s join unnest($1::int8[], $2::int8[]) as ours (id, epoch) on ours.id = s.id
 where s.epoch > ours.epoch and s.owner = $3::text

-- name: source_due_times
select source, min(due) from timer where source = any ($1::int8[]) group by source

-- The facts of a transaction as one row of arrays.
-- name: outbox_insert
insert into outbox (source, first_seq, last_seq, incarnation, topic, partition, key, headers, value)
values ($1::int8, $2::int8 + 1, $2::int8 + cardinality($4::text[]), $3::int8, $4::text[], $5::int4[], $6::bytea[], $7::bytea[],
        $8::bytea[])

-- name: outbox_unpublished
select o.first_seq + f.n - 1 as seq, f.topic, f.partition, f.key, f.headers, f.value
  from (select * from outbox where source = $1::int8 and last_seq > $2::int8 and last_seq <= $3::int8
         order by source, last_seq limit 4) o,
       unnest(o.topic, o.partition, o.key, o.headers, o.value) with ordinality as f (topic, partition, key, headers, value, n)
 where o.first_seq + f.n - 1 > $2::int8
 order by 1

-- name: outbox_prune
delete from outbox
 where source = $1::int8
   and last_seq in (select last_seq from outbox where source = $1::int8 and last_seq <= $2::int8 order by last_seq limit 200)

-- name: timer_fire
with fired as (
  select source, key from timer where source = $1::int8 and due <= $2::timestamptz order by due, key limit $3::int8
)
delete from timer t using fired f where t.source = f.source and t.key = f.key
returning t.key, t.due, t.kind, t.ticket, t.data, t.cause_id, t.cause_source, t.traceparent, t.tracestate

-- name: timer_set
insert into timer (source, key, due, kind, ticket, data, cause_id, cause_source, traceparent, tracestate)
select $1::int8, n.key, n.due, n.kind, n.ticket, n.data, n.cause_id, n.cause_source, n.traceparent, n.tracestate
  from unnest($2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
              $10::text[]) as n (key, due, kind, ticket, data, cause_id, cause_source, traceparent, tracestate)
on conflict (source, key) do update
   set due = excluded.due, kind = excluded.kind, ticket = excluded.ticket, data = excluded.data,
       cause_id = excluded.cause_id, cause_source = excluded.cause_source,
       traceparent = excluded.traceparent, tracestate = excluded.tracestate

-- name: timer_cancel
delete from timer where source = $1::int8 and key = any ($2::text[])

-- name: mark_save
insert into watermark (source, writer, incarnation, seq)
select $1::int8, n.writer, n.incarnation, n.seq
  from unnest($2::text[], $3::int8[], $4::int8[]) as n (writer, incarnation, seq)
on conflict (source, writer) do update set incarnation = excluded.incarnation, seq = excluded.seq

-- name: dead_letter_insert
insert into dead_letter (topic, partition, "offset", at, reason, detail, event_id, event_source, event_type, key, headers, value)
select n.topic, n.partition, n.position, $1::timestamptz, n.reason, n.detail, n.event_id, n.event_source, n.event_type,
       n.key, n.headers, n.value
  from unnest($2::text[], $3::int4[], $4::int8[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
              $10::bytea[], $11::bytea[], $12::bytea[])
       as n (topic, partition, position, reason, detail, event_id, event_source, event_type, key, headers, value)
