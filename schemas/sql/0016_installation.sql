-- Intake: what a warranty is counted from and what it depends on, beside the keys by which an installation is found.

alter table directory.installation
  add column accepted_on          text,     -- a date or a time, as it came
  add column manufacturer_months  bigint,
  add column sold_by              text,
  add column quality_grade        bigint;

update directory.installation i
   set accepted_on = e.data::json ->> 'accepted_on',
       manufacturer_months = case when e.data::json ->> 'manufacturer_months' ~ '^[0-9]{1,9}$'
                                  then (e.data::json ->> 'manufacturer_months')::bigint end,
       sold_by = e.data::json ->> 'sold_by',
       quality_grade = case when e.data::json ->> 'quality_grade' ~ '^-?[0-9]{1,9}$'
                            then (e.data::json ->> 'quality_grade')::bigint end
  from directory.entity e
 where e.kind = 'installation' and e.id = i.installation and not e.deleted and e.data is not null;
