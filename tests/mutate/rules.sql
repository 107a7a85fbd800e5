-- Statements of the ledger with one rule of the protocol broken: RULE/NAME stands in for NAME (common/io/db_sql.c). Only in
-- builds for `make mutate`.

-- name: r1-cas-epoch/source_advance
update source
   set next_offset = $5::int8, published_seq = $6::int8, seen_at = clock_timestamp(), suspect_until = $7::int8
 where id = $1::int8 and ($2::int8 is not null) and next_offset = $3::int8 and out_seq = $4::int8

-- name: r1-cas-offset/source_advance
update source
   set next_offset = $5::int8, published_seq = $6::int8, seen_at = clock_timestamp(), suspect_until = $7::int8
 where id = $1::int8 and epoch = $2::int8 and ($3::int8 is not null) and out_seq = $4::int8

-- name: r4-seq-from-row/source_advance
update source
   set next_offset = $5::int8, published_seq = $6::int8, seen_at = clock_timestamp(), suspect_until = $7::int8
 where id = $1::int8 and epoch = $2::int8 and next_offset = $3::int8 and ($4::int8 is not null)

-- The epoch alone, for timers as for the rest: flaws A and F.
-- name: flaw-a/source_advance
update source
   set next_offset = $5::int8, published_seq = $6::int8, seen_at = clock_timestamp(), suspect_until = $7::int8
 where id = $1::int8 and epoch = $2::int8 and ($3::int8 is not null) and ($4::int8 is not null)

-- t-epoch
-- name: broken_advance_timers
update source
   set next_offset = $5::int8, published_seq = $6::int8, seen_at = clock_timestamp(), suspect_until = $7::int8
 where id = $1::int8 and ($2::int8 is not null) and next_offset = $3::int8 and out_seq = $4::int8

-- Looks, and writes at the end: what is to be written waits in settings of the session.
-- name: r1-row-lock/source_advance
select set_config('broken.id', $1::text, false), set_config('broken.next', $5::text, false),
       set_config('broken.published', $6::text, false), set_config('broken.suspect', $7::text, false)
  from source where id = $1::int8 and epoch = $2::int8 and next_offset = $3::int8 and out_seq = $4::int8

-- name: r2-offset-apart/source_advance
select set_config('broken.id', $1::text, false), set_config('broken.next', $5::text, false),
       set_config('broken.published', $6::text, false), set_config('broken.suspect', $7::text, false)
  from source where id = $1::int8 and epoch = $2::int8 and next_offset = $3::int8 and out_seq = $4::int8
   for no key update

-- name: broken_advance_late
update source
   set next_offset = current_setting('broken.next')::int8, published_seq = current_setting('broken.published')::int8,
       seen_at = clock_timestamp(), suspect_until = current_setting('broken.suspect')::int8
 where id = current_setting('broken.id')::int8

-- name: r3-raise/source_take
update source s
   set epoch = s.epoch,
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

-- Reads without the lock, then raises: what an older owner commits meanwhile is not seen.
-- name: r3-take-locks/source_take
update source s
   set epoch = s.epoch + 1,
       incarnation = case when s.timeline = here.timeline and s.system_id = here.system_id then s.incarnation
                          else greatest(s.incarnation + 1, floor(extract(epoch from clock_timestamp()) * 1000)::int8) end,
       timeline = here.timeline, system_id = here.system_id,
       seen_at = clock_timestamp(), owner = $3::text, clean = false
  from (select * from source where topic = $1::text and partition = $2::int4 offset 0) old,
       (select left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as timeline,
               (select system_identifier::text from pg_control_system()) as system_id) here
 where s.id = old.id
returning s.id, s.epoch, s.incarnation, old.next_offset, old.out_seq, old.published_seq,
          old.clean, old.suspect_until

-- name: r4-incarnation/source_take
update source s
   set epoch = s.epoch + 1, timeline = here.timeline, system_id = here.system_id,
       seen_at = clock_timestamp(), owner = $3::text, clean = false
  from (select id, clean from source where topic = $1::text and partition = $2::int4 for update) old,
       (select left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as timeline,
               (select system_identifier::text from pg_control_system()) as system_id) here
 where s.id = old.id
returning s.id, s.epoch, s.incarnation, s.next_offset, s.out_seq, s.published_seq,
          old.clean, s.suspect_until

-- name: flaw-c/source_take
update source s
   set epoch = s.epoch + 1,
       incarnation = case when s.timeline = here.timeline and s.system_id = here.system_id then s.incarnation
                          else s.incarnation + 1 end,
       timeline = here.timeline, system_id = here.system_id,
       seen_at = clock_timestamp(), owner = $3::text, clean = false
  from (select id, clean from source where topic = $1::text and partition = $2::int4 for update) old,
       (select left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as timeline,
               (select system_identifier::text from pg_control_system()) as system_id) here
 where s.id = old.id
returning s.id, s.epoch, s.incarnation, s.next_offset, s.out_seq, s.published_seq,
          old.clean, s.suspect_until

-- name: r4-wm-epoch/source_beat
update source s
   set next_offset = b.next, published_seq = b.published, seen_at = clock_timestamp(), clean = $7::bool
  from unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[])
       as b (id, epoch, next_offset, out_seq, next, published)
 where s.id = b.id
returning s.id

-- name: r6-attempts/source_attempt
update source
   set attempts = 1, attempt_offset = $6::int8, seen_at = clock_timestamp()
 where id = $1::int8 and epoch = $2::int8 and next_offset = $3::int8 and out_seq = $4::int8 and ($5::int8 is not null)
returning attempts

-- name: r5-dedupe/intake_load_seen
select ident from claim where ident = any($1::bytea[]) and false
