-- What daemons look things up in; read only, small, and only when a generation has moved.

-- name: knowledge_generation
select p.value, d.people, d.things from policy.generation p, directory.generation d

-- name: knowledge_versions
select type, name, version, state, effective_from from policy.version

-- name: knowledge_document
select document from policy.version where type = $1::text and name = $2::text and version = $3::int4

-- name: knowledge_people
select id, data from directory.entity where kind = 'staff' and not deleted and data is not null

-- name: knowledge_presence
select staff, on_post from directory.presence

-- name: knowledge_absence
select kind, data from directory.entity where kind in ('leave', 'leaving') and not deleted and data is not null

-- name: people_generation
select people from directory.generation

-- By id, by serial number, by customer and model: at most one of each, with the place of the way it was found.
-- name: knowledge_installation
select way, i.installation, i.customer, i.product, i.accepted_on, i.sold_by, i.manufacturer_months, i.quality_grade
  from (select 0, $1::text
        union all select 1, installation from directory.serial where serial_no = $2::text
        union all (select 2, installation from directory.installation
                    where customer = $3::text and product = $4::text and not deleted limit 1)) found(way, installation)
  join directory.installation i using (installation)
 where not i.deleted
