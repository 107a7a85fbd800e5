-- What survey keeps beside its tickets. Sets only: one statement per table and batch, rows sorted by key.

-- name: survey_load
select survey, ticket, type, state, policy, version, programme, form, recipient, excluded, closing, due_at, sent_at, ended_at,
       score, satisfied, answers, comment
  from survey
 where lane = $1::int4 and ticket = any ($2::text[])

-- name: survey_save
insert into survey (lane, survey, ticket, type, state, policy, version, programme, form, recipient, excluded, closing, due_at, sent_at,
                    ended_at, score, satisfied, answers, comment)
select $1::int4, n.*
  from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int4[], $8::text[], $9::text[], $10::text[], $11::text[],
              $12::int4[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $16::text[], $17::text[], $18::text[],
              $19::text[]) as n
on conflict (lane, survey) do update
   set state = excluded.state, sent_at = excluded.sent_at, ended_at = excluded.ended_at, score = excluded.score,
       satisfied = excluded.satisfied, answers = excluded.answers, comment = excluded.comment
