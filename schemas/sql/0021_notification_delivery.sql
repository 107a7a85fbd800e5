-- notification: the rule behind a message, messages held back until a part of them is known, delivery by webhook, attempts
-- whose end is not known, and messages about what concerns no ticket.

alter table notification.message
  add column uncertain bool not null default false,  -- an attempt ended without an answer: it may have arrived, or twice
  add column desk bool not null default false,       -- of the desk: `ticket` is the thing's id
  add column held text,                              -- while held: JSON of what it takes to compose it later
  drop constraint message_state_check,
  add constraint message_state_check check (state in ('held', 'requested', 'sent', 'failed')),
  drop constraint message_via_check,
  add constraint message_via_check check (via in ('log', 'mail', 'gateway', 'webhook'));

-- Parts of messages that people say in facts of their own, and the messages that wait for one.
alter table notification.counter
  add column option text,                            -- newest proposal, plan or promise
  add column expected timestamptz,                   -- newest time that was promised or agreed
  add column held text;                              -- blank-separated ids
