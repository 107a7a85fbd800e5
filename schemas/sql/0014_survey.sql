-- survey: what comes after a case, one errand per closing and programme.

select aftercare.create_service('survey');
select aftercare.create_tickets('survey');

create table survey.survey (
  lane       int  not null,
  survey     text not null,             -- AC-....s1: a survey; AC-....f1: a follow-up call
  ticket     text not null,
  type       text not null check (type in ('survey', 'followup')),
  state      text not null check (state in ('planned', 'due', 'sent', 'scored', 'unreturned', 'dropped')),
  policy     text not null,
  version    int  not null,
  programme  text not null,
  form       text,
  recipient  text not null,
  excluded   text,                      -- the person who must not be asked to do it
  closing    int  not null,             -- revision of the fact that it follows
  due_at     timestamptz not null,
  sent_at    timestamptz,
  ended_at   timestamptz,               -- answered, or given up
  score      text,                      -- JSON, as it came
  satisfied  text,
  answers    text,                      -- JSON, as it came
  comment    text,
  primary key (lane, survey),
  unique (lane, ticket, policy, programme, closing)
) with (fillfactor = 80);

grant select, insert, update, delete on survey.survey to aftercare_survey;
