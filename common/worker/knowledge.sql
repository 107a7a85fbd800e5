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

-- name: people_generation
select people from directory.generation
