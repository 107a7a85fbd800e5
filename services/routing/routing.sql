-- What routing asks and keeps beside its tickets. Sets only: one statement per table and batch, rows sorted by key.

-- name: load_workload
select person, sum(open)::int8, max(assigned_at) from workload group by person

-- name: load_served
select distinct known.customer, known.owner
from unnest($1::text[]) as asked (customer)
cross join lateral (select customer, owner from ticket
                    where ticket.customer = asked.customer and owner is not null limit 200) as known
order by 1, 2

-- name: load_unassignable
select ticket, rank, received_at
from (select ticket, case severity when 'urgent' then 0 when 'major' then 1 else 2 end as rank, received_at
      from ticket where lane = $1::int4 and unassignable and state not in ('closed', 'rejected', 'cancelled')) as waiting
where (rank, received_at, ticket) > ($2::int4, $3::timestamptz, $4::text)
order by rank, received_at, ticket
limit $5::int8

-- What stands before a ticket in the queues of the other lanes.
-- name: load_ahead
select ticket, lane, rank, received_at
from (select ticket, lane, case severity when 'urgent' then 0 when 'major' then 1 else 2 end as rank, received_at
      from ticket where lane <> $1::int4 and unassignable and state not in ('closed', 'rejected', 'cancelled')) as waiting
where (rank, received_at, ticket) > ($2::int4, $3::timestamptz, $4::text)
  and (rank, received_at, ticket) < ($5::int4, $6::timestamptz, $7::text)
order by rank, received_at, ticket
limit $8::int8

-- The whole lane is read only when one of them has something in hand here.
-- name: load_owned
select ticket from ticket
where lane = $1::int4 and owner = any($2::text[]) and state not in ('closed', 'rejected', 'cancelled') and ticket > $3::text
  and exists (select from workload where lane = $1::int4 and person = any($2::text[]) and open > 0)
order by ticket
limit $4::int8

-- name: save_workload
insert into workload as w (lane, person, open, assigned_at)
select $1::int4, d.person, d.open, d.assigned_at from unnest($2::text[], $3::int4[], $4::timestamptz[]) as d (person, open, assigned_at)
on conflict (lane, person) do update
set open = w.open + excluded.open, assigned_at = greatest(w.assigned_at, excluded.assigned_at)
