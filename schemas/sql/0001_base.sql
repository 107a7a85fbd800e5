-- The ground every daemon stands on: one schema, one role and one ledger per service, made by one function.
-- Architecture section 4; the rules are checked by the model of the exactly-once protocol.

create schema aftercare;

create table aftercare.migration (
  number      int primary key,
  name        text not null,
  sha256      text not null,
  applied_at  timestamptz not null default clock_timestamp()
);

-- Readable by everybody who works here; each service role is a member.
do $$
begin
  if not exists (select from pg_roles where rolname = 'aftercare_reader') then
    create role aftercare_reader nologin;
  end if;
end
$$;
grant usage on schema aftercare to aftercare_reader;
grant select on aftercare.migration to aftercare_reader;

-- Schema, login role and ledger of one service. Its statements name tables without schema: search_path finds its own.
create function aftercare.create_service(service text) returns void
language plpgsql as $create$
declare
  role_name text := 'aftercare_' || service;
begin
  if not exists (select from pg_roles where rolname = role_name) then
    execute format('create role %I login', role_name);
  end if;
  execute format('grant aftercare_reader to %I', role_name);
  -- A stopped owner must not hold the row lock of a source for ever, nor a cut-off one (architecture section 4, rule 9).
  execute format('alter role %I set idle_in_transaction_session_timeout = %L', role_name, '5s');
  execute format('alter role %I set statement_timeout = %L', role_name, '30s');
  execute format('alter role %I set lock_timeout = %L', role_name, '20s');
  execute format('alter role %I set tcp_keepalives_idle = 10', role_name);
  execute format('alter role %I set tcp_keepalives_interval = 5', role_name);
  execute format('alter role %I set tcp_keepalives_count = 3', role_name);
  execute format('alter role %I set search_path = %I', role_name, service);
  -- A generic plan made while a table is empty must not read the whole table later; and what is due must be read in the
  -- order of its index, not sorted whole for every batch (a burst would cost its square).
  execute format('alter role %I set enable_seqscan = off', role_name);
  execute format('alter role %I set enable_bitmapscan = off', role_name);
  execute format('alter role %I set jit = off', role_name);

  execute format('create schema %I', service);
  execute format('grant usage on schema %I to %I', service, role_name);
  execute format($ddl$
    -- One row per (topic, partition) that the service reads. Everything a source does serialises on its row.
    create table %1$I.source (
      id              bigint generated always as identity primary key,
      topic           text   not null,
      partition       int    not null,
      epoch           bigint not null default 0,
      incarnation     bigint not null,
      timeline        text   not null,
      system_id       text   not null,
      next_offset     bigint not null,
      out_seq         bigint not null default 0,
      published_seq   bigint not null default 0,
      seen_at         timestamptz not null default clock_timestamp(),
      owner           text   not null default '',
      clean           boolean not null default true,   -- the last owner left in good order
      suspect_until   bigint not null default -1,      -- try one event at a time up to here: somebody crashed before it
      attempt_offset  bigint not null default -1,
      attempts        int    not null default 0,
      unique (topic, partition)
    ) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

    -- What is to be published, in order of seq, gap-free per source. A row keeps its incarnation and partition for ever.
    create table %1$I.outbox (
      source       bigint not null,
      seq          bigint not null,
      incarnation  bigint not null,
      topic        text   not null,
      partition    int    not null,
      key          bytea,
      headers      bytea  not null,
      value        bytea,
      primary key (source, seq)
    );

    -- What falls due. Written and cancelled in the transaction that causes it, fired by the owner of the source.
    create table %1$I.timer (
      source        bigint not null,
      key           text   not null,
      due           timestamptz not null,
      kind          text   not null,
      ticket        text,
      data          text,
      cause_id      text,
      cause_source  text,
      traceparent   text,
      tracestate    text,
      primary key (source, key)
    );
    create index timer_due on %1$I.timer (source, due, key);

    -- How far a reader of the log has come with each writer: one pair per (source, writer), compared as a pair.
    create table %1$I.watermark (
      source       bigint not null,
      writer       text   not null,
      incarnation  bigint not null,
      seq          bigint not null,
      primary key (source, writer)
    ) with (fillfactor = 50);

    -- What was refused, with bytes and headers as they came.
    create table %1$I.dead_letter (
      id          bigint generated always as identity primary key,
      topic       text   not null,
      partition   int    not null,
      "offset"    bigint not null,
      at          timestamptz not null,
      reason      text   not null,
      detail      text   not null,
      event_id    text,
      event_source text,
      event_type  text,
      key         bytea,
      headers     bytea  not null,
      value       bytea,
      redriven_at timestamptz
    );
    create index dead_letter_at on %1$I.dead_letter (at);
  $ddl$, service);
  execute format('grant select, insert, update, delete on all tables in schema %I to %I', service, role_name);
end
$create$;

-- The projection of tickets that a service which follows them keeps; rows of one lane are touched by one transaction.
create function aftercare.create_tickets(service text) returns void
language plpgsql as $create$
begin
  execute format($ddl$
    create table %1$I.ticket (
      lane           int  not null,
      ticket         text not null,
      revision       int  not null,
      state          text not null check (state in ('received', 'incomplete', 'verified', 'classified', 'assigned', 'contacted',
                       'scheduled', 'in_progress', 'waiting_customer', 'waiting_internal', 'at_factory', 'spare_in_place',
                       'resolved_unconfirmed', 'confirmed', 'closed', 'rejected', 'cancelled')),
      before         text not null default '',
      received_at    timestamptz not null,
      waiting_since  timestamptz,
      resolved_at    timestamptz,
      closed_at      timestamptz,
      reopened       int  not null default 0,
      kind           text,
      severity       text,
      mode           text,
      channel        text,
      priority       text,
      customer       text,
      owner          text,
      owner_role     text,
      assigned_at    timestamptz,
      missing        text,
      unassignable   boolean not null default false,
      policies       text not null,          -- "graded-2h-24h-48h 1", one line each, the most specific first
      lifecycle      int  not null,
      facts          text,
      evidence       text,
      flags          text,
      data           text not null,          -- the request's data as merged so far, JSON
      cause_id       text,
      cause_source   text,
      traceparent    text,
      tracestate     text,
      primary key (lane, ticket)
    ) with (fillfactor = 70);
    create index ticket_unassignable on %1$I.ticket (lane) where unassignable;
  $ddl$, service);
  execute format('grant select, insert, update, delete on %I.ticket to %I', service, 'aftercare_' || service);
end
$create$;
