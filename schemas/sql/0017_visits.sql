-- Visits: what comes round for installations, and how survey learns of them.

-- Which lane an installation belongs to, and the generation of its last change: who looks at a lane's installations from a
-- generation on sees each change once. Those that stand here already are seen when they are sent again.
alter table directory.installation
  add column lane     int,
  add column changed  bigint not null default 0;
create index installation_changed on directory.installation (lane, changed, installation);
alter table directory.generation add column installations bigint not null default 1;

-- Days are instants at which they begin in the zone of the policy.
create table survey.visit (
  lane          int  not null,           -- of the installation, and of the visit's own id
  visit         text not null,
  installation  text not null,
  programme     text not null,
  policy        text not null,           -- under which it was announced
  version       int  not null,
  number        int  not null,           -- among the visits of the installation
  state         text not null check (state in ('due', 'done', 'missed', 'dropped')),
  from_day      timestamptz not null,
  due_day       timestamptz not null,
  planned_on    timestamptz,
  done_on       timestamptz,
  named         text,                    -- by the visitors
  recorded      boolean not null,
  primary key (lane, visit)
) with (fillfactor = 80);
create index visit_of_installation on survey.visit (lane, installation);

-- How far a lane has come with the directory, under which generation of the policies.
create table survey.visit_scan (
  lane          int    primary key,
  policies      bigint not null,
  changed       bigint not null,
  installation  text   not null
) with (fillfactor = 50);

grant select, insert, update, delete on survey.visit, survey.visit_scan to aftercare_survey;
