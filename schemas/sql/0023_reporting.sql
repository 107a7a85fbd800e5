-- reporting: a snapshot per ticket, and counters per lane and shortest window. No personal data.

select aftercare.create_service('reporting');

-- What a snapshot says, in columns; the record is a function of the row.
create table reporting.ticket (
  lane            int  not null,
  ticket          text not null,
  revision        int  not null,
  state           text not null,
  kind            text,
  severity        text,
  mode            text,
  channel         text,
  priority        text,
  fault_type      text,
  model           text,
  version         text,
  owner           text,
  owner_role      text,
  department      text,
  flags           text,
  missing         text,
  policies        text,
  customer        text,                  -- a pseudonym
  entitlement     text,
  labour          text,
  parts           text,
  score           text,
  satisfied       text,
  received_at     timestamptz not null,
  updated_at      timestamptz not null,
  assigned_at     timestamptz,
  replied_at      timestamptz,
  contacted_at    timestamptz,
  arrived_at      timestamptz,
  resolved_at     timestamptz,
  confirmed_at    timestamptz,
  closed_at       timestamptz,
  reopened        int  not null default 0,
  unassignable    boolean not null default false,
  waiting_since   timestamptz,
  waiting_reason  text,
  waited_us       bigint not null default 0,
  clocks          text,                  -- a line each: policy, name, number, state, started, due, ended
  primary key (lane, ticket)
) with (fillfactor = 70);

-- Since when a lane counts, and up to where its windows are final.
create table reporting.lane (
  lane          int  not null primary key,
  counted_from  timestamptz not null,
  closed_to     timestamptz not null
) with (fillfactor = 50);

-- What was counted in a lane, in the shortest window that begins at `at`; of levels how much they moved.
create table reporting.count (
  lane   int  not null,
  at     timestamptz not null,
  name   text not null,
  label  text not null,
  value  bigint not null,
  primary key (lane, at, name, label)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- The same, of windows whose rows are not needed any more: the levels as they stood then.
create table reporting.level (
  lane   int  not null,
  name   text not null,
  label  text not null,
  value  bigint not null,
  primary key (lane, name, label)
) with (fillfactor = 50);

-- Clocks that run, by the minute in which they are due.
create table reporting.due (
  lane    int  not null,
  at      timestamptz not null,
  clocks  bigint not null,
  primary key (lane, at)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Windows of this length are published up to there. Lane 0 writes it.
create table reporting.published (
  seconds       int  not null primary key,
  published_to  timestamptz not null
);

-- Snapshots to be published again, and how far each lane is with it.
create table reporting.republish (
  id        bigint generated always as identity primary key,
  asked_at  timestamptz not null default clock_timestamp(),
  asked_by  text not null default session_user,
  tickets   text[]                       -- none: all
);
create table reporting.republished (
  request  bigint not null references reporting.republish,
  lane     int    not null,
  after    text   not null,              -- the last one sent
  count    bigint not null,
  done     boolean not null,
  primary key (request, lane)
);

grant select, insert, update, delete on reporting.ticket, reporting.lane, reporting.count, reporting.level, reporting.due,
  reporting.published to aftercare_reporting;
grant select on reporting.republish to aftercare_reporting;
grant select, insert, update on reporting.republished to aftercare_reporting;
