-- routing: the one writer of the lifecycle. Its tickets, and how much each person has in hand.

select aftercare.create_service('routing');
select aftercare.create_tickets('routing');

-- Who has had tickets of a customer (the preference same_customer_before).
create index ticket_customer on routing.ticket (customer) where customer is not null;

-- Open tickets and the last assignment per person. A row belongs to a lane, as everything that a transaction of the lane
-- writes; what a person has in hand is the sum over the lanes.
create table routing.workload (
  lane         int  not null,
  person       text not null,
  open         int  not null,
  assigned_at  timestamptz,
  primary key (lane, person)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
grant select, insert, update, delete on routing.workload to aftercare_routing;
