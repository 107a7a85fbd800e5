-- sla: the clocks that policies hang on tickets. Their timers are rows of sla.timer, keyed by clock_id.

select aftercare.create_service('sla');
-- The column `facts` of sla.ticket holds what has happened of all that its clocks listen to: "policy.trigger=at:revision".
select aftercare.create_tickets('sla');

create table sla.clock (
  lane              int    not null,
  ticket            text   not null,
  clock_id          text   not null,             -- TICKET/POLICY/NAME/NUMBER
  policy            text   not null,             -- the version that judges it, for life
  version           int    not null,
  name              text   not null,
  number            int    not null,             -- 1, and one more at each restart
  rule              int    not null,             -- its place among the clocks of the policy; a regrade changes it
  state             text   not null check (state in ('running', 'paused', 'breached', 'met', 'corrected', 'cancelled')),
  started_at        timestamptz not null,
  started_revision  int    not null,             -- of the fact that started it
  due_at            timestamptz not null,        -- the last instant at which it is met
  paused_at         timestamptz,
  paused_us         bigint not null default 0,   -- of all pauses that are over
  breached_at       timestamptz,                 -- when the breach was detected
  ended_at          timestamptz,
  why               text,                        -- of the cancellation
  warned            int    not null default 0,   -- a bit per warning given
  cause_id          text,                        -- the claim that started it: its timers' facts quote it
  cause_source      text,
  traceparent       text,
  tracestate        text,
  primary key (lane, ticket, clock_id)
) with (fillfactor = 70);

grant select, insert, update, delete on sla.clock to aftercare_sla;

-- Tables grow from nothing to millions of rows under the same prepared plans: a plan made for an empty table must not
-- be a scan of all of it.
alter role aftercare_sla set enable_seqscan = off;
