# Sourced by bench/run: server, sandbox, people, clocks and tables of the benchmarks.
#
# Two databases: "sent" has linecrm's workers; "quiet" has none, so that what is measured in one session is not disturbed.
# Both belong to crm_owner, a role without superuser rights. Channels are c1, c2...: c1 is the large one; the others are
# there because LINE's limits, and so ours, are per channel: together they may do what one may not.

CHANNELS=16

progress() { printf '\n\033[1m== %s\033[0m\n' "$*" >&2; }
say() { printf '   ... %s\n' "$*" >&2; }
fail() {
	echo "the benchmark stopped: $*" >&2
	[ -f "$work/server.log" ] && tail -n 15 "$work/server.log" >&2
	exit 1
}
cleanup() {
	trap - EXIT INT TERM
	[ -n "${sandbox_pid:-}" ] && kill "$sandbox_pid" 2>/dev/null
	[ -n "${PG_BIN:-}" ] && [ -f "$work/data/postmaster.pid" ] && as_user "$PG_BIN/pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null 2>&1
	rm -rf "$work/data" "$work/socket" "$work"/sandbox.* "$work/server.log"
	[ -n "${LINECRM_WORK:-}" ] || rm -rf "$work"
}
full() { [ -n "${QUICK:-}" ] && echo "$2" || echo "$1"; } # full N QUICK_N: a size

token_of() { printf '%s-%0120d' "$1" 0; } # LINE's are that long
secret_of() { printf '%s' "$1" | md5sum | cut -c1-32; }

### server and sandbox

start_sandbox() {
	local i tokens=()
	for i in $(seq $CHANNELS); do tokens+=(--token "c$i=$(token_of "c$i")"); done
	as_user_background "$work/sandbox.out" "$TREE/sandbox/linecrm-sandbox" --port 0 --fresh --log "$work/sandbox.jsonl" \
		--rate-limits off "${tokens[@]}"
	sandbox_pid=$BACKGROUND_PID
	for _ in $(seq 50); do
		sandbox_port=$(grep -oE '[0-9]+$' "$work/sandbox.out" 2>/dev/null | head -1)
		[ -n "$sandbox_port" ] && break
		sleep 0.1
	done
	[ -n "$sandbox_port" ] || fail "the sandbox did not start: $(cat "$work/sandbox.out")"
	sandbox="http://127.0.0.1:$sandbox_port"
}

start_server() {
	port=$(free_port)
	rm -rf "$work/data"
	as_user mkdir -p "$work/socket"
	as_user "$PG_BIN/initdb" -D "$work/data" -U postgres -E UTF8 --no-locale -A trust >/dev/null || fail "initdb"
	as_user tee -a "$work/data/postgresql.conf" >/dev/null <<-CONF
		port = $port
		unix_socket_directories = '$work/socket'
		shared_preload_libraries = 'linecrm'
		shared_buffers = 512MB
		max_wal_size = 8GB
		checkpoint_timeout = 30min
		linecrm.databases = 'sent'
		linecrm.api_base_url = '$sandbox'
		linecrm.allow_http = on
		linecrm.undo_window = 0
		linecrm.push_burst = 1000000
		client_min_messages = warning
	CONF
	server start
	db=postgres role=postgres sql -c 'CREATE ROLE crm_owner LOGIN SUPERUSER'
	local name
	for name in sent quiet; do
		db=postgres role=postgres sql -c "CREATE DATABASE $name OWNER crm_owner" || fail "CREATE DATABASE"
		db=$name sql -c 'CREATE EXTENSION linecrm' || fail "CREATE EXTENSION"
		db=$name sql -c 'CREATE SCHEMA bench'
	done
	db=postgres role=postgres sql -c 'ALTER ROLE crm_owner NOSUPERUSER'
}

server() { # server start|restart, with as many files as it may open
	as_user bash -c 'ulimit -Sn "$(ulimit -Hn)"; exec "$@"' - "$PG_BIN/pg_ctl" -D "$work/data" -l "$work/server.log" -m fast -w "$1" \
		>/dev/null || fail "the server did not $1"
}

setting() { # setting NAME [VALUE]: for the whole server, which restarts; without a value the default again
	db=postgres role=postgres sql -c "ALTER SYSTEM $([ -n "${2:-}" ] && echo "SET $1 = '$2'" || echo "RESET $1")"
	server restart
	db=sent
	until_true 30 "SELECT count(*) = 3 FROM pg_stat_activity WHERE datname = 'sent' AND backend_type IN ('linecrm sender', 'linecrm clerk', 'linecrm planner')"
}

sql() { # sql [psql arguments] in database $db as $role
	as_user "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$work/socket" -p "$port" -U "${role:-crm_owner}" -d "$db" "$@"
}
ask() { sql -At -c "$1" || fail "$1"; }
until_true() { # until_true SECONDS QUERY: polls ten times a second
	local tick=0
	until [ "$(ask "$2")" = t ]; do
		tick=$((tick + 1))
		[ $tick -gt $(($1 * 10)) ] && fail "waited $1 s for: $2"
		sleep 0.1
	done
}

### people

need_friends() { # need_friends CHANNEL N: cN exists with its secrets and has N friends who follow
	[ "$(ask "SELECT count(*) FROM linecrm_internal.friend f JOIN linecrm_internal.channel c USING (channel_id) WHERE c.name = '$1'")" -ge "$2" ] && return
	say "$2 friends of channel $1 in database $db"
	sql <<-SQL >/dev/null || fail "need_friends"
		SELECT linecrm.save_channel('$1');
		SELECT linecrm.set_credential('$1', 'access_token', '$(token_of "$1")'), linecrm.set_credential('$1', 'channel_secret', '$(secret_of "$1")');
		SELECT linecrm.import_friends(array_agg(('U' || md5('$1 ' || i))::linecrm.line_user_id), channel => '$1') FROM generate_series(1, $2) AS i;
		UPDATE linecrm_internal.friend f SET status = 'following' FROM linecrm_internal.channel c WHERE c.channel_id = f.channel_id AND c.name = '$1';
		VACUUM ANALYZE linecrm_internal.friend, linecrm_internal.friend_directory;
	SQL
}
everybody() { echo "(SELECT linecrm.friendset_agg(friend_id) FROM linecrm.friend WHERE channel = '$1')"; } # as an expression

### clocks

timed() { # timed SQL [SQL BEFORE]: milliseconds of one statement, its commit included, in a session of its own
	sql ${2:+-c "$2"} -c '\timing on' -c "$1" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -1
}
median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
calc() { awk "BEGIN { print $1 }"; }
wal() { ask "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"; }
sender_pid() { ask "SELECT pid FROM pg_stat_activity WHERE backend_type = 'linecrm sender' AND datname = 'sent'"; }
cpu_ticks() { # cpu_ticks PID...: user and system time, in hundredths of a second, of all together
	local pid sum=0
	for pid in "$@"; do sum=$((sum + $(sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 }'))); done
	echo "$sum"
}

### drains

everybody_of() { # everybody_of CHANNEL NAME: a set of all its friends, kept in the table bench.people
	sql -c "CREATE TABLE IF NOT EXISTS bench.people (channel text PRIMARY KEY, friends linecrm.friendset)" \
		-c "INSERT INTO bench.people VALUES ('$1', $(everybody "$1")) ON CONFLICT DO NOTHING"
}
sent_text() { echo "linecrm.text_message('お知らせ $1: 本日よりセールを開催いたします。ご来店をお待ちしております。')"; }
campaign() { # campaign CHANNEL KEY: SQL that sends one content to all friends of a channel
	echo "SELECT linecrm.deliver(friends => (SELECT friends FROM bench.people WHERE channel = '$1'), messages => $(sent_text "$2"),
		at => now(), key => '$1 $2', at_most => 100000000, channel => '$1');"
}
named_people() { # named_people CHANNEL N: segment "named N" of the channel's first N friends, each with a name of his own
	sql -c "SELECT linecrm.save_segment('named $2', 'SELECT friend_id, ''第'' || friend_id || ''番'' AS name FROM linecrm.friend
		WHERE channel = ''$1'' ORDER BY friend_id LIMIT $2', channel => '$1')" >/dev/null || fail "segment"
}
personal_campaign() { # personal_campaign CHANNEL N KEY: SQL that sends N friends each a content of his own
	echo "SELECT linecrm.deliver(segment => 'named $2', messages => linecrm.text_message('{{name}}様、お知らせ $3: ご注文の品が入荷しました。'),
		at => now(), key => '$1 $2 $3', at_most => 100000000, channel => '$1');"
}
sender_finished() { ask "SELECT finished FROM linecrm_internal._worker_status() WHERE worker = 'sender' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"; }
answers_after() { # answers_after MS: how long the sandbox takes for an answer
	curl -sS -X DELETE "$sandbox/sandbox/faults" >/dev/null
	[ "$1" = 0 ] || curl -sS -d "{\"endpoint\":\"*\",\"kind\":\"delay\",\"ms\":$1}" "$sandbox/sandbox/faults" >/dev/null
}
#
# drain REQUESTS RECIPIENTS: takes SQL that enqueues them on standard input, commits it as one transaction, and waits until
# all have an outcome. Leaves: seconds (commit to the last outcome), rate (recipients/s), cpu (of the sender, % of one
# core), bytes (of WAL per recipient, planning included). Stops when LINE's stand-in saw anything but each once.
#
drain() {
	local before target tick=0 wal_before ticks_before began ended sender seen
	curl -sS -d '' "$sandbox/sandbox/reset" >/dev/null
	before=$(sender_finished) target=$((before + $1)) wal_before=$(wal) sender=$(sender_pid)
	ticks_before=$(cpu_ticks "$sender")
	began=$( (echo 'BEGIN; \o /dev/null'; cat; echo '\o'; echo '\t on'; echo '\a'; echo 'SELECT extract(epoch FROM clock_timestamp()); COMMIT;') | sql -f -) || fail "drain"
	until [ "$(sender_finished)" -ge "$target" ]; do
		sleep 0.2
		tick=$((tick + 1))
		[ $tick -gt 1500 ] && fail "only $(($(sender_finished) - before)) of $1 requests were finished"
	done
	cpu=$(cpu_ticks "$sender")
	ended=$(ask "SELECT extract(epoch FROM max(finished_at)) FROM (SELECT finished_at FROM linecrm_internal.outcome ORDER BY request_id DESC LIMIT $1) AS o")
	seconds=$(calc "$ended - $began") rate=$(calc "$2 / ($ended - $began)") cpu=$(calc "($cpu - $ticks_before) / ($ended - $began)")
	bytes=$(calc "($(wal) - $wal_before) / $2")
	seen=$(curl -sS "$sandbox/sandbox/summary" | sed 's/.*"accepted_recipients":\([0-9]*\),.*"same_key":[0-9]*,"same_content":\([0-9]*\),.*/\1 \2/')
	[ "$seen" = "$2 0" ] || fail "accepted recipients and duplicates should be $2 0, and are $seen"
}

### tables

table() { # table TITLE: begins one
	printf '\n%s\n%-56s %14s  %-34s %8s  %8s\n' "$1" "" "measured" "compared with" "ratio" "sender"
}
row() { # row WHAT FIGURE UNIT [PEER [RATIO [CPU]]]
	printf '%-56s %14s  %-34s %8s  %8s\n' "$1" "$(figure "$2") $3" "${4:-}" "${5:+$(printf '%.2f' "$5")}" "${6:+$(printf '%.1f %%' "$6")}"
}
figure() { # thousands with commas, small numbers with the digits that matter
	awk -v x="$1" 'BEGIN { printf((x >= 1000 ? "%.0f" : x >= 10 ? "%.1f" : "%.2f"), x) }' | sed ':again; s/\B[0-9]\{3\}\>/,&/; t again'
}
