-- Regulations: immutable versions and what was decided about them (C235, C236).

create schema policy;
grant usage on schema policy to aftercare_reader;

create table policy.version (
  name            text not null,
  version         int  not null,
  type            text not null check (type in ('policy', 'lifecycle')),
  document        text not null,               -- canonical JSON, blanks filled in
  sha256          text not null,
  state           text not null check (state in ('draft', 'reviewed', 'approved', 'abolished')),
  effective_from  timestamptz not null,
  loaded_at       timestamptz not null default clock_timestamp(),
  loaded_by       text not null default session_user,
  approved_by     text,
  approved_at     timestamptz,
  primary key (type, name, version)
);

-- Raised by every change, so that a daemon sees with one small query whether its memory is still right.
create table policy.generation (value bigint not null);
insert into policy.generation values (1);

create function policy.touch() returns trigger language plpgsql security definer set search_path = policy as $$
begin
  update policy.generation set value = value + 1;
  return null;
end
$$;
create trigger touched after insert or update or delete on policy.version
  for each statement execute function policy.touch();

-- A version never changes its content.
create function policy.immutable() returns trigger language plpgsql as $$
begin
  if new.document is distinct from old.document or new.sha256 is distinct from old.sha256 then
    raise exception 'policy % version % is immutable: give the new content a new version', old.name, old.version;
  end if;
  return new;
end
$$;
create trigger immutable before update on policy.version for each row execute function policy.immutable();

grant select on policy.version, policy.generation to aftercare_reader;
