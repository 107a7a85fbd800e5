-- Business calendars: documents beside the policies that name them; a clock keeps the version it began with.

alter table policy.version drop constraint version_type_check;
alter table policy.version add constraint version_type_check check (type in ('policy', 'lifecycle', 'calendar'));

alter table sla.clock
  add column calendar          text,   -- null: 24x7
  add column calendar_version  int;

-- Things of the desk that clocks run for (a project, a call) are rows of sla.ticket and sla.clock as well, under "KIND:ID": no
-- ticket's id has a colon.
