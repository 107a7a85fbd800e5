-- Keys compare byte by byte. They are ids, which no language sorts; by the rules of the database's locale each comparison in
-- an index costs several times as much, and an index is only as good as the C library's version of these rules.
-- On a large table this rebuilds the indexes: a matter of minutes, in which nothing writes.

create function aftercare.plain_keys(schema_name text) returns void
language plpgsql as $function$
declare
  item record;
begin
  for item in
    select distinct c.oid::regclass as tab, a.attname
      from pg_index i
      join pg_class c on c.oid = i.indrelid
      join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey::int2[])
     where n.nspname = schema_name and c.relkind in ('r', 'p')
       and a.atttypid = 'text'::regtype and a.attcollation <> 'pg_catalog."C"'::regcollation
     order by 1, 2
  loop
    execute format('alter table %s alter column %I type text collate "C"', item.tab, item.attname);
  end loop;
end
$function$;

do $$
declare
  name text;
begin
  for name in
    select distinct n.nspname from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relkind = 'r'
     where n.nspname = 'directory' or exists (select from pg_class s where s.relnamespace = n.oid and s.relname = 'source')
     order by 1
  loop
    perform aftercare.plain_keys(name);
  end loop;
end
$$;

-- Services to come get it as well.
alter function aftercare.create_service(text) rename to create_service_by_locale;
create function aftercare.create_service(service text) returns void
language plpgsql as $function$
begin
  perform aftercare.create_service_by_locale(service);
  perform aftercare.plain_keys(service);
end
$function$;

alter function aftercare.create_tickets(text) rename to create_tickets_by_locale;
create function aftercare.create_tickets(service text) returns void
language plpgsql as $function$
begin
  perform aftercare.create_tickets_by_locale(service);
  perform aftercare.plain_keys(service);
end
$function$;
