-- aftercarectl's statements about one service: its schema is the search_path, as it is for the daemon itself.

-- name: service_sources
select topic, partition, owner, clean, next_offset, out_seq - published_seq,
       (extract(epoch from clock_timestamp() - seen_at) * 1000000)::int8
  from source order by topic, partition

-- name: service_has_clocks
select to_regclass(quote_ident(current_schema()) || '.clock') is not null

-- name: service_clocks
select count(*) filter (where state = 'running'), count(*) filter (where state = 'paused'),
       count(*) filter (where state = 'breached'),
       count(*) filter (where state = 'running' and due_at < $1::timestamptz),
       count(*) filter (where state = 'running' and due_at between $1::timestamptz and $1::timestamptz + interval '1 hour'),
       coalesce((max(extract(epoch from $1::timestamptz - due_at)) filter (where state = 'running') * 1000000)::int8, 0)
  from clock where state in ('running', 'paused', 'breached')

-- name: service_dead_reasons
select reason, count(*) from dead_letter where at >= $1::timestamptz group by reason order by count(*) desc, reason

-- name: service_dead_list
select id, at, reason, detail, topic, partition, "offset", event_id, event_source, event_type, length(value), redriven_at
  from dead_letter
 where ($1::text is null or reason = $1::text)
 order by at desc, id desc limit $2::int8

-- name: service_dead_one
select id, at, reason, detail, topic, partition, "offset", event_id, event_source, event_type, length(value), redriven_at,
       key, headers, value
  from dead_letter where id = $1::int8

-- name: service_dead_of_keys
select id, at, reason, detail, topic, partition, "offset", event_id, event_source, event_type, length(value), redriven_at
  from dead_letter where key = any ($1::bytea[]) order by at, id limit 200

-- name: service_dead_redriven
update dead_letter set redriven_at = clock_timestamp() where id = $1::int8
