-- How a rule of the protocol is taken out of the product's SQL: make-rules applies this to the statements as they stand, so that a
-- mutant differs from them in its rule and in nothing else.
--
--   -- edit: RULE/STATEMENT [as NAME]     RULE/STATEMENT stands in for STATEMENT where the rule is broken (common/io/db_sql.c);
--                                         NAME: a statement of its own, for mutants written in C
--   -- take: TEXT                         must stand in the statement exactly once; or in the lines that follow
--   -- put: TEXT                          what comes in its place; again and again

-- edit: r1-cas-epoch/source_advance
-- take: epoch = $2::int8
-- put: ($2::int8 is not null)

-- edit: r1-cas-offset/source_advance
-- take: and next_offset = $3::int8
-- put: and ($3::int8 is not null)

-- edit: r4-seq-from-row/source_advance
-- take: out_seq = $4::int8
-- put: ($4::int8 is not null)

-- The epoch alone, for timers as for the rest.
-- edit: flaw-a/source_advance
-- take: and next_offset = $3::int8
-- put: and ($3::int8 is not null)
-- take: out_seq = $4::int8
-- put: ($4::int8 is not null)

-- A helper issues numbers, and the owner never looks.
-- edit: flaw-f/source_advance
-- take: out_seq = $4::int8
-- put: ($4::int8 is not null)
-- edit: flaw-f/source_beat
-- take: and s.out_seq = b.out_seq
-- put:

-- Somebody sets the position back, and neither the epoch nor the position tells the idle owner.
-- edit: r3-rewind-raises/source_beat
-- take: and s.next_offset = b.next_offset
-- put:

-- edit: flaw-b2/source_beat
-- take: and s.next_offset = b.next_offset and s.out_seq = b.out_seq
-- put:

-- edit: t-epoch/source_advance as broken_advance_timers
-- take: epoch = $2::int8
-- put: ($2::int8 is not null)

-- Looks, and writes at the end: what is to be written waits in settings of the session.
-- edit: r1-row-lock/source_advance
-- take:
update source
   set next_offset = $5::int8, published_seq = $6::int8, seen_at = clock_timestamp(), suspect_until = $7::int8
-- put:
select set_config('broken.id', $1::text, false), set_config('broken.next', $5::text, false),
       set_config('broken.published', $6::text, false), set_config('broken.suspect', $7::text, false)
  from source

-- edit: r2-offset-apart/source_advance
-- take:
update source
   set next_offset = $5::int8, published_seq = $6::int8, seen_at = clock_timestamp(), suspect_until = $7::int8
-- put:
select set_config('broken.id', $1::text, false), set_config('broken.next', $5::text, false),
       set_config('broken.published', $6::text, false), set_config('broken.suspect', $7::text, false)
  from source
-- take: out_seq = $4::int8
-- put: out_seq = $4::int8 for no key update

-- edit: r2-offset-apart/source_advance as broken_advance_late
-- take: $5::int8
-- put: current_setting('broken.next')::int8
-- take: $6::int8
-- put: current_setting('broken.published')::int8
-- take: $7::int8
-- put: current_setting('broken.suspect')::int8
-- take: $1::int8 and epoch = $2::int8 and next_offset = $3::int8 and out_seq = $4::int8
-- put: current_setting('broken.id')::int8

-- edit: r3-raise/source_take
-- take: s.epoch + 1
-- put: s.epoch

-- Reads without the lock, then raises: what an older owner commits meanwhile is not seen.
-- edit: r3-take-locks/source_take
-- take: (select id, clean from source where topic = $1::text and partition = $2::int4 for update)
-- put: (select * from source where topic = $1::text and partition = $2::int4 offset 0)
-- take: s.next_offset, s.out_seq, s.published_seq
-- put: old.next_offset, old.out_seq, old.published_seq
-- take: old.clean, s.suspect_until
-- put: old.clean, old.suspect_until

-- edit: r4-incarnation/source_take
-- take:
       incarnation = case when s.timeline = here.timeline and s.system_id = here.system_id then s.incarnation
                          else greatest(s.incarnation + 1, floor(extract(epoch from clock_timestamp()) * 1000)::int8) end,
-- put:

-- edit: flaw-c/source_take
-- take: greatest(s.incarnation + 1, floor(extract(epoch from clock_timestamp()) * 1000)::int8)
-- put: s.incarnation + 1

-- edit: r4-wm-epoch/source_beat
-- take: and s.epoch = b.epoch and s.next_offset = b.next_offset and s.out_seq = b.out_seq
-- put:

-- edit: r6-attempts/source_attempt
-- take:
case when attempt_offset = $6::int8 and attempts = $5::int8 then attempts
                       when attempt_offset = $6::int8 then attempts + 1 else 1 end
-- put: case when $5::int8 is null then 0 else 1 end

-- edit: r5-dedupe/intake_load_seen
-- take: any($1::bytea[])
-- put: any($1::bytea[]) and false
-- edit: r5-dedupe/intake_save_claims
-- take: unnest($1::bytea[])
-- put: unnest($1::bytea[]) on conflict do nothing
