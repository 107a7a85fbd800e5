-- What was refused is compressed fast: with PostgreSQL's own way a record just over the size limit cost as much as a hundred
-- requests.

create function aftercare.dead_letters_fast(service text) returns void
language plpgsql as $function$
begin
  execute format('alter table %I.dead_letter alter column headers set compression lz4, alter column value set compression lz4', service);
exception when feature_not_supported then
  null;   -- a server built without lz4 compresses in its own way
end
$function$;

-- Services to come get it as well.
alter function aftercare.create_service(text) rename to create_service_by_batch;
create function aftercare.create_service(service text) returns void
language plpgsql as $function$
begin
  perform aftercare.create_service_by_batch(service);
  perform aftercare.dead_letters_fast(service);
end
$function$;

select aftercare.dead_letters_fast(n.nspname)
  from pg_namespace n join pg_class c on c.relnamespace = n.oid
 where c.relname = 'dead_letter' and c.relkind = 'r'
 order by n.nspname;
