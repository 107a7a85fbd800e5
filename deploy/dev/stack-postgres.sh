# Part of deploy/dev/stack: the private PostgreSQL cluster.
# Sets pg_bin, pg_home (data and log of the cluster), pg_socket, pg_port; uses dir, ask, port, say, die of the script.

postgres_settings() {
	cat <<-END
		# Written by deploy/dev/stack at every up.
		listen_addresses = '127.0.0.1'
		port = $pg_port
		unix_socket_directories = '$pg_socket'
		max_connections = 200
		shared_buffers = 256MB
		max_wal_size = 4GB
		synchronous_commit = on
		jit = off
		timezone = 'UTC'
		log_timezone = 'UTC'
		log_line_prefix = '%m [%p] %q%u '
		log_min_duration_statement = 1s
		log_lock_waits = on
	END
}

# The programs of the version that made the data, else the newest there is.
postgres_programs() {
	local version="" candidate
	version=$(as_postgres cat "$pg_home/data/PG_VERSION" 2>/dev/null || true)
	for candidate in "/usr/lib/postgresql/$version/bin" \
		$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t/ -k5,5nr) "$(dirname "$(command -v postgres || echo /none)")"; do
		if [ -x "$candidate/initdb" ] && [ -x "$candidate/postgres" ]; then
			pg_bin=$candidate
			return
		fi
	done
	die "PostgreSQL's server programs are missing; deploy/install-packages run installs them"
}

# Root cannot run PostgreSQL: then it is postgres, or where there is no such user, nobody.
as_postgres() {
	if [ -n "$pg_user" ]; then
		(cd / && setpriv --reuid="$pg_user" --regid="$(id -g "$pg_user")" --init-groups -- "$@")
	else
		"$@"
	fi
}

# A folder that a stack left behind whose DIR is gone, or has another database now. Only when no process holds it.
postgres_sweep() {
	local home of
	for home in /var/tmp/aftercare-postgres.*; do
		[ -f "$home/dir" ] || continue
		of=$(cat "$home/dir")
		if [ -d "$of" ] && [ "$(cat "$of/postgres.path" 2>/dev/null)" = "$home" ]; then continue; fi
		if [ -e "$home/data/postmaster.pid" ] && kill -0 "$(head -n 1 "$home/data/postmaster.pid")" 2>/dev/null; then continue; fi
		rm -rf "$home"
	done
}

postgres_home() {
	pg_user=""
	if [ "$(id -u)" = 0 ]; then
		pg_user=$(id -un postgres 2>/dev/null || echo nobody)
	fi
	pg_home=$(cat "$dir/postgres.path" 2>/dev/null || true)
	[ ! -d "$pg_home" ] || return 0
	pg_home=$dir/postgres
	mkdir -p "$pg_home"
	chmod 700 "$pg_home"
	if [ -n "$pg_user" ]; then
		chown "$pg_user" "$pg_home"
		if ! as_postgres test -w "$pg_home"; then
			rmdir "$pg_home"
			postgres_sweep
			pg_home=$(mktemp -d /var/tmp/aftercare-postgres.XXXXXX)
			echo "$dir" >"$pg_home/dir"
			chown "$pg_user" "$pg_home"
		fi
	fi
	echo "$pg_home" >"$dir/postgres.path"
}

# A socket's path may have 107 bytes, and what stands in the setting and in a conninfo is better plain.
postgres_socket() {
	pg_socket=$pg_home
	[ ${#pg_socket} -gt 85 ] || [[ ! $pg_socket =~ ^[A-Za-z0-9/._-]+$ ]] || return 0
	pg_socket=$(cat "$dir/postgres.socket" 2>/dev/null || true)
	if [ ! -d "$pg_socket" ]; then
		pg_socket=$(mktemp -d /tmp/aftercare-pg.XXXXXX)
		[ -z "$pg_user" ] || chown "$pg_user" "$pg_socket"
		echo "$pg_socket" >"$dir/postgres.socket"
	fi
}

# database ROLE: a conninfo without a character that a shell or a configuration file would take for its own.
database() { echo "postgresql://$1@${pg_socket//\//%2F}:$pg_port/aftercare"; }

postgres_up() {
	postgres_home
	postgres_programs
	postgres_socket
	pg_port=$(port postgres) || return 1
	if [ ! -s "$pg_home/data/PG_VERSION" ]; then
		say "making a database cluster in $pg_home/data"
		as_postgres rm -rf "$pg_home/data"
		if ! as_postgres "$pg_bin/initdb" -D "$pg_home/data" -U aftercare -A trust -E UTF8 --locale=C.UTF-8 \
			--no-instructions --no-sync >>"$dir/log/postgres.log" 2>&1; then
			tail_log postgres
			return 1
		fi
		as_postgres sh -c 'echo "include '\''aftercare.conf'\''" >>"$1"' sh "$pg_home/data/postgresql.conf"
	fi
	{
		postgres_settings
		[ ! -f "$dir/conf/postgres.local" ] || cat "$dir/conf/postgres.local"
	} >"$dir/conf/postgresql.conf"
	as_postgres sh -c 'cat >"$1"' sh "$pg_home/data/aftercare.conf" <"$dir/conf/postgresql.conf"
	# Signal 2 is PostgreSQL's fast shutdown.
	ask define postgres rank=0 stop=2 patience=60 ${pg_user:+user="$pg_user"} -- \
		"$pg_bin/postgres" -D "$pg_home/data" || return 1
	start_ready postgres || return 1
	local psql=(psql -X -q -h "$pg_socket" -p "$pg_port" -U aftercare -v ON_ERROR_STOP=1 -At)
	command -v psql >/dev/null || psql[0]=$pg_bin/psql
	if [ "$("${psql[@]}" -d postgres -c "select 1 from pg_database where datname = 'aftercare'")" != 1 ]; then
		"${psql[@]}" -d postgres -c 'create database aftercare' || return 1
	fi
}
