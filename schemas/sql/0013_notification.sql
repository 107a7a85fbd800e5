-- notification: who was told what, and whether it arrived.

select aftercare.create_service('notification');
select aftercare.create_tickets('notification');

-- Per ticket: how many messages have an id, and when those that go out once were sent ("KEY=MICROSECONDS" words).
create table notification.counter (
  lane      int  not null,
  ticket    text not null,
  messages  int  not null,
  told      text,
  primary key (lane, ticket)
) with (fillfactor = 60);

-- One message to one recipient. Holds personal data: address and text.
create table notification.message (
  lane          int  not null,
  message       text not null,
  ticket        text not null,
  state         text not null check (state in ('requested', 'sent', 'failed')),
  via           text not null check (via in ('log', 'mail', 'gateway')),
  attempts      int  not null,
  requested_at  timestamptz not null,
  lease_until   timestamptz,           -- an attempt is under way; after this it is believed lost
  finished_at   timestamptz,
  channel       text not null,
  role          text,
  person        text,
  address       text,
  subject       text not null,
  text          text not null,
  reason        text,                  -- of a failure, without personal data
  template      text not null,
  locale        text not null,
  version       int  not null,
  why_name      text not null,         -- the fact that caused it
  why_id        text,
  why_about     text,                  -- the survey, task or clock it is about
  cause_id      text,
  cause_source  text,
  traceparent   text,
  tracestate    text,
  primary key (lane, message)
) with (fillfactor = 85);
create index message_under_way on notification.message (lane) where lease_until is not null;

grant select, insert, update, delete on notification.counter, notification.message to aftercare_notification;
