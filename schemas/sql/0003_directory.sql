-- Master data: written by intake, once; read by the others. The last one by `time` wins.

create schema directory;
grant usage on schema directory to aftercare_reader;

create table directory.entity (
  kind     text not null,          -- customer, product, installation, contract, staff, roster, calendar, department
  id       text not null,
  at       timestamptz not null,   -- the claim's time
  deleted  boolean not null default false,
  data     text,                   -- JSON as it came
  primary key (kind, id)
);

-- An installation by its serial number: how an owner is found when no installation is named.
create table directory.serial (
  serial_no     text primary key,
  installation  text not null
);

create table directory.presence (
  staff    text primary key,
  at       timestamptz not null,
  on_post  boolean not null,
  data     text
);

-- Raised by every change of people or presence (`people`) and of anything else (`things`).
create table directory.generation (people bigint not null, things bigint not null);
insert into directory.generation values (1, 1);

grant select on all tables in schema directory to aftercare_reader;
