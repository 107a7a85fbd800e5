-- What the specs need besides the ledger, in the schema of the service they run as. Made by tests/integration/test_isolation.c.
-- A worker's memory of the row: mine.epoch, mine.next, mine.out, mine.incarnation, settings of its session.

create function held(what text) returns bigint language sql stable as $$ select current_setting('mine.' || what)::bigint $$;

-- The C code's part of a compare-and-set: exactly one row, or all is rolled back; what one's own update made of the row is
-- believed from then on (unless it is rolled back).
create function exactly_one_row() returns trigger language plpgsql as $$
begin
  if (select count(*) from changed) <> 1 then
    raise exception 'the row is somebody else''s';
  end if;
  perform set_config('mine.epoch', epoch::text, false), set_config('mine.next', next_offset::text, false),
          set_config('mine.out', out_seq::text, false), set_config('mine.incarnation', incarnation::text, false)
     from changed;
  return null;
end
$$;
create trigger exactly_one_row after update on source referencing new table as changed
  for each statement execute function exactly_one_row();

-- One source at offset 10 with so many facts (of the inputs before 10), taken by worker a under epoch 1.
create procedure begin_anew(facts int, published int) language plpgsql as $$
begin
  delete from source;
  delete from outbox;
  delete from timer;
  delete from watermark;
  insert into source (id, topic, partition, epoch, incarnation, timeline, system_id, next_offset, out_seq, published_seq, owner, clean)
  overriding system value
  select 1, 'log', 0, 1, 5, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), (select system_identifier::text from pg_control_system()),
         10, facts, published, 'a', false;
  insert into outbox (source, first_seq, last_seq, incarnation, topic, partition, key, headers, value)
  select 1, n, n, 5, array[(9 - facts + n)::text], array[0], array[null::bytea], array[''::bytea], array[null::bytea] from generate_series(1, facts) n;
end
$$;

-- The row, who wrote which fact, and what is wrong with it. The fact of the input at offset n is called n.
create function judged(first_offset bigint) returns table (epoch bigint, next_offset bigint, out_seq bigint, published_seq bigint, facts text, timers bigint, wrong text)
language sql as $$
  with fact as (select f.*, f.incarnation > 5 as anew from outbox_fact f),
       wrongs as (
         select 'out_seq is not the number of facts' as wrong from source s where s.out_seq <> (select count(*) from fact)
         union all
         select 'a gap in seq' where (select count(distinct seq) from fact) <> coalesce((select max(seq) from fact), 0)
         union all
         select topic || ' twice' from fact group by incarnation, topic having count(*) > 1
         union all
         select n || ' passed over' from source s, generate_series(first_offset, s.next_offset - 1) n
          where not exists (select from fact where fact.topic = n::text and fact.incarnation = s.incarnation)
         union all
         select fact.topic || ' beyond next_offset' from source s, fact where fact.topic ~ '^\d+$' and fact.topic::bigint >= s.next_offset
            and fact.incarnation = s.incarnation
         union all
         select 'fired after it was cancelled' from fact fired join fact event on event.topic = '10' and fired.seq > event.seq
          where fired.topic = 'fired'
         union all
         select 'published_seq beyond out_seq' from source s where s.published_seq > s.out_seq)
  select s.epoch, s.next_offset, s.out_seq, s.published_seq,
         (select string_agg(case when anew then 'anew ' else '' end || topic || ' by ' || convert_from(headers, 'UTF8'), ', ' order by seq)
            from fact where headers <> ''),
         (select count(*) from timer), coalesce((select 'BROKEN: ' || string_agg(wrong, ', ' order by wrong) from wrongs), 'nothing')
    from source s
$$;
