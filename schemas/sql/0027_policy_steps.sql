-- What became of a version, by whom and when (C235): draft, reviewed, approved, abolished. In force is what is approved and whose
-- date has come; that needs no step.

alter table policy.version
  add column reviewed_by   text,
  add column reviewed_at   timestamptz,
  add column abolished_by  text,
  add column abolished_at  timestamptz;

create table policy.step (
  id              bigint generated always as identity primary key,
  type            text not null,
  name            text not null,
  version         int  not null,
  state           text not null check (state in ('draft', 'reviewed', 'approved', 'abolished')),
  by              text not null,               -- the person, or the login where none was named
  at              timestamptz not null,
  login           text not null,               -- the database role that wrote it
  effective_from  timestamptz not null,
  foreign key (type, name, version) references policy.version
);
create index step_of_version on policy.step (type, name, version);

create function policy.note() returns trigger language plpgsql security definer set search_path = policy as $$
begin
  if tg_op = 'UPDATE' and new.state = old.state and new.effective_from = old.effective_from then
    return null;
  end if;
  insert into step (type, name, version, state, by, at, login, effective_from)
  values (new.type, new.name, new.version, new.state,
          coalesce(case new.state when 'reviewed' then new.reviewed_by when 'approved' then new.approved_by
                                  when 'abolished' then new.abolished_by else new.loaded_by end, session_user),
          coalesce(case new.state when 'reviewed' then new.reviewed_at when 'approved' then new.approved_at
                                  when 'abolished' then new.abolished_at else new.loaded_at end, clock_timestamp()),
          session_user, new.effective_from);
  return null;
end
$$;

-- What is there was loaded by somebody, and some of it approved.
insert into policy.step (type, name, version, state, by, at, login, effective_from)
select type, name, version, 'draft', loaded_by, loaded_at, loaded_by, effective_from from policy.version;
insert into policy.step (type, name, version, state, by, at, login, effective_from)
select type, name, version, state, coalesce(approved_by, loaded_by), coalesce(approved_at, loaded_at), loaded_by, effective_from
  from policy.version where state <> 'draft';

create trigger noted after insert or update on policy.version for each row execute function policy.note();

-- Neither its text nor what was decided about it goes back.
create or replace function policy.immutable() returns trigger language plpgsql as $$
begin
  if (new.type, new.name, new.version, new.document, new.sha256) is distinct from
     (old.type, old.name, old.version, old.document, old.sha256) then
    raise exception 'policy % version % is immutable: give the new content a new version', old.name, old.version;
  end if;
  if array_position(array['draft', 'reviewed', 'approved', 'abolished'], new.state) <
     array_position(array['draft', 'reviewed', 'approved', 'abolished'], old.state) then
    raise exception 'policy % version % is %: it does not become % again', old.name, old.version, old.state, new.state;
  end if;
  return new;
end
$$;

grant select on policy.step to aftercare_reader;
