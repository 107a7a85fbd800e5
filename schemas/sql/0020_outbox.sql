-- The outbox by batches: the facts of one transaction are one row of arrays, compressed. A row per fact cost more bytes of
-- WAL than all other tables together. Sequence, incarnation and partitions are what they were; the view outbox_fact shows
-- one line per fact.

create function aftercare.outbox_by_batch(service text) returns void
language plpgsql as $function$
begin
  execute format($ddl$
    alter table %1$I.outbox rename to outbox_single;
    create table %1$I.outbox (
      source       bigint  not null,
      first_seq    bigint  not null,
      last_seq     bigint  not null,
      incarnation  bigint  not null,
      topic        text[]  not null,     -- element n belongs to seq first_seq + n - 1
      partition    int[]   not null,
      key          bytea[] not null,
      headers      bytea[] not null,
      value        bytea[] not null,
      primary key (source, last_seq)
    );
    insert into %1$I.outbox
    select source, seq, seq, incarnation, array[topic], array[partition], array[key], array[headers], array[value]
      from %1$I.outbox_single;
    drop table %1$I.outbox_single;

    create view %1$I.outbox_fact with (security_invoker = true) as
    select o.source, o.first_seq + f.n - 1 as seq, o.incarnation, f.topic, f.partition, f.key, f.headers, f.value
      from %1$I.outbox o,
           unnest(o.topic, o.partition, o.key, o.headers, o.value) with ordinality as f (topic, partition, key, headers, value, n);
  $ddl$, service);
  execute format('grant select, insert, update, delete on %I.outbox to %I', service, 'aftercare_' || service);
  execute format('grant select on %I.outbox_fact to %I', service, 'aftercare_' || service);
  begin
    execute format('alter table %1$I.outbox alter column topic set compression lz4, alter column key set compression lz4, '
                   'alter column headers set compression lz4, alter column value set compression lz4', service);
  exception when feature_not_supported then
    null;   -- a server built without lz4 compresses in its own way
  end;
end
$function$;

-- Services to come get it as well.
alter function aftercare.create_service(text) rename to create_service_single;
create function aftercare.create_service(service text) returns void
language plpgsql as $function$
begin
  perform aftercare.create_service_single(service);
  perform aftercare.outbox_by_batch(service);
end
$function$;

do $$
declare
  service text;
begin
  for service in
    select n.nspname from pg_namespace n join pg_class c on c.relnamespace = n.oid
     where c.relname = 'outbox' and c.relkind = 'r'
       and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'first_seq')
     order by 1
  loop
    perform aftercare.outbox_by_batch(service);
  end loop;
end
$$;
