-- aftercarectl's statements, with schemas: it has no search_path of its own.

-- name: migration_table
select to_regclass('aftercare.migration') is not null

-- name: migration_list
select number, sha256 from aftercare.migration order by number

-- name: migration_note
insert into aftercare.migration (number, name, sha256) values ($1::int4, $2::text, $3::text)

-- name: policy_find
select sha256, state from policy.version where type = $1::text and name = $2::text and version = $3::int4

-- name: policy_insert
insert into policy.version (type, name, version, document, sha256, state, effective_from, approved_by, approved_at)
values ($1::text, $2::text, $3::int4, $4::text, $5::text, $6::text, $7::timestamptz,
        case when $6::text = 'approved' then session_user::text end, case when $6::text = 'approved' then clock_timestamp() end)

-- name: policy_approve
update policy.version set state = 'approved', approved_by = session_user, approved_at = clock_timestamp()
 where type = $1::text and name = $2::text and version = $3::int4 and state <> 'approved'

-- name: policy_list
select type, name, version, state, effective_from, approved_by, approved_at from policy.version order by type, name, version
