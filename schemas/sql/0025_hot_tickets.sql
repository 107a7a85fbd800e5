-- Half of each page is left free for the next versions of its rows: a ticket is written a dozen times in its life, and what
-- finds room on its own page touches no index. Pages do not get more for it: they filled up with old versions anyway.

do $$
declare
  service text;
begin
  for service in
    select n.nspname from pg_namespace n join pg_class c on c.relnamespace = n.oid join pg_attribute a on a.attrelid = c.oid
     where c.relname = 'ticket' and c.relkind = 'r' and a.attname = 'evidence' order by 1
  loop
    execute format('alter table %I.ticket set (fillfactor = 50)', service);
  end loop;
end
$$;
alter table survey.survey set (fillfactor = 50);

-- Services to come get it as well.
alter function aftercare.create_tickets(text) rename to create_tickets_dense;
create function aftercare.create_tickets(service text) returns void
language plpgsql as $function$
begin
  perform aftercare.create_tickets_dense(service);
  execute format('alter table %I.ticket set (fillfactor = 50)', service);
end
$function$;
