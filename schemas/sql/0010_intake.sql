-- Intake: which claims have been taken, which tickets exist, and the right to write master data and approvals.

select aftercare.create_service('intake');

-- One row per ticket. Its id is derived from (source, id) of the request, so the primary key is the de-duplication.
create table intake.ticket (
  ticket    text  not null primary key,
  ident     bytea not null,          -- 128 bits of (source, id): tells two requests apart whose id is the same
  lane      int   not null,
  customer  text,                    -- id, phone or e-mail
  open      boolean not null default true
) with (fillfactor = 95);
create index ticket_open_customer on intake.ticket (customer) where open and customer is not null;

-- Every other claim that has been taken, by 128 bits of (source, id). A repeat of it has no effect, for ever.
create table intake.claim (
  ident  bytea not null primary key
) with (fillfactor = 100);

grant select, insert, update on intake.ticket to aftercare_intake;
grant select, insert on intake.claim to aftercare_intake;

-- By what an owner is found; the document itself stands in directory.entity.
create table directory.installation (
  installation  text primary key,
  customer      text,
  product       text,
  deleted       boolean not null default false
);
create index installation_of_customer on directory.installation (customer, product) where not deleted;
create index serial_of_installation on directory.serial (installation);
grant select on directory.installation to aftercare_reader;

grant insert, update on directory.entity, directory.presence, directory.installation to aftercare_intake;
grant insert, update, delete on directory.serial to aftercare_intake;
grant update on directory.generation to aftercare_intake;
-- An approval changes a version's state and dates, never its text.
grant update (state, approved_by, approved_at, effective_from) on policy.version to aftercare_intake;

-- Tables grow from nothing to millions of rows under the same prepared plans: a plan made for an empty table must not
-- be a scan of all of it.
alter role aftercare_intake set enable_seqscan = off;
