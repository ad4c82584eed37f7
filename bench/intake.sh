# Webhooks on one backend: receive_webhooks in transactions of 50 bodies, process_inbox in transactions of 1,000 events,
# receive_webhook with a commit for each body; events as linecrm-sandbox makes them, three rounds of other people.
#
# Compared with bench/peer_intake.sql, which does the same in PL/pgSQL and pgcrypto, in alternation.

db=quiet
events=$(full 20000 3000)
users=$((events / 5))
destination=U8e742f61d673b39c7fff3cecb7536ef0
sql -c "SELECT linecrm.save_channel('inbox'), linecrm.set_credential('inbox', 'channel_secret', '$(secret_of inbox)'),
	linecrm.save_tag('クーポン希望', on_text => ARRAY['クーポンください'], channel => 'inbox')" >/dev/null || fail "channel"
role=postgres sql -c 'CREATE EXTENSION IF NOT EXISTS pgcrypto' -c 'GRANT CREATE ON DATABASE quiet TO crm_owner' || fail "pgcrypto"
sql -f "$TREE/bench/peer_intake.sql" >/dev/null || fail "peer_intake.sql"
sql -c 'CREATE TABLE bench.body (nth serial PRIMARY KEY, body bytea, signature text)'

run_all() { # run_all: SQL on standard input; milliseconds of all statements together
	(echo '\timing on'; cat) | sql -o /dev/null 2>&1 -f - | awk '/ERROR/ { print > "/dev/stderr" } /^Time:/ { sum += $2 } END { print sum }'
}
load_bodies() { # load_bodies SEED EVENTS
	as_user "$TREE/sandbox/linecrm-sandbox" webhooks --users "$users" --first-user $(($1 * 1000000)) --events "$2" --seed "$1" \
		--redeliver 0.02 --reorder 0.05 --secret "$(secret_of inbox)" --destination $destination > "$work/sandbox.webhooks"
	sql -c 'TRUNCATE bench.body RESTART IDENTITY' -c "\\copy bench.body (body, signature) FROM '$work/sandbox.webhooks'" -c 'VACUUM ANALYZE bench.body' || fail "bodies"
	bodies=$(ask 'SELECT count(*) FROM bench.body')
}
receive_50() { # receive_50 SELECT-LIST: of each 50 bodies
	local at
	for at in $(seq 1 50 "$bodies"); do echo "SELECT $1 FROM bench.body WHERE nth BETWEEN $at AND $((at + 49));"; done
}
receive_1() {
	local at
	for at in $(seq 1 "$bodies"); do echo "SELECT $1 FROM bench.body WHERE nth = $at;"; done
}
our_many="linecrm.receive_webhooks(array_agg('inbox'::text), array_agg(body ORDER BY nth), array_agg(signature ORDER BY nth))"
our_one="linecrm.receive_webhook('inbox', body, signature)"
peer_one="peer.receive('$(secret_of inbox)', body, signature)"
stored="SELECT count(*) FROM linecrm_internal.inbox"

results="$work/sandbox.results" # lines: what, who, events a second
: > "$results"
for seed in 1 2 3; do
	say "round $seed of 3: $((users + events)) events"
	load_bodies $seed "$events"
	before=$(ask "$stored")
	ours=$(receive_50 "$our_many" | run_all)
	taken=$(($(ask "$stored") - before))
	peers=$(receive_50 "sum($peer_one)" | run_all)
	[ "$(ask "SELECT count(*) FROM peer.inbox WHERE done_at IS NULL")" = "$taken" ] || fail "the peer stored other events"
	our_work=$(for _ in $(seq 0 1000 "$taken"); do echo "SELECT linecrm.process_inbox(1000);"; done | run_all)
	peer_work=$(for _ in $(seq 0 1000 "$taken"); do echo "SELECT peer.process(1000);"; done | run_all)
	[ "$(ask 'SELECT count(*) FROM linecrm_internal.inbox_waiting') $(ask 'SELECT count(*) FROM linecrm_internal.inbox_error')" = "0 0" ] || fail "events were left"
	echo "receive $(calc "$taken / $ours * 1000") $(calc "$taken / $peers * 1000")
		process $(calc "$taken / $our_work * 1000") $(calc "$taken / $peer_work * 1000")
		both $(calc "$taken / ($ours + $our_work) * 1000") $(calc "$taken / ($peers + $peer_work) * 1000")" >> "$results"
	load_bodies $((seed + 10)) $((events / 10))
	echo "single $(calc "$bodies / $(receive_1 "$our_one" | run_all) * 1000") $(calc "$bodies / $(receive_1 "$peer_one" | run_all) * 1000")" >> "$results"
	sql -c 'SELECT linecrm.process_inbox(1000000), peer.process(1000000)' >/dev/null
done

say "signatures of 1 KB"
checks=$(full 100000 20000)
body="convert_to(rpad(i::text, 1024, 'x'), 'UTF8')"
for _ in 1 2 3; do
	base=$(timed "SELECT count($body) FROM generate_series(1, $checks) AS i")
	ours=$(timed "SELECT count(linecrm.verify_signature($body, 'bBdvdKhGvOdx0dMVpwyxKVjlQ1bBm7IzHredK0/dKzI=', '$(secret_of inbox)')) FROM generate_series(1, $checks) AS i")
	peers=$(timed "SELECT count(encode(public.hmac($body, '\\x3864'::bytea, 'sha256'), 'base64') = 'b') FROM generate_series(1, $checks) AS i")
	echo "check $(calc "($ours - $base) * 1000 / $checks") $(calc "($peers - $base) * 1000 / $checks")" >> "$results"
done

both() { # both WHAT TEXT UNIT HIGHER-IS-BETTER
	local mine theirs
	mine=$(awk -v w="$1" '$1 == w { print $2 }' "$results" | median)
	theirs=$(awk -v w="$1" '$1 == w { print $3 }' "$results" | median)
	row "$2" "$mine" "$3" "PL/pgSQL + pgcrypto: $(figure "$theirs")" "$([ "$4" = more ] && calc "$mine / $theirs" || calc "$theirs / $mine")"
}
table "Intake of webhooks on one backend"
both receive "receive_webhooks, 50 bodies a transaction" "events/s" more
both process "process_inbox, 1,000 events a transaction" "events/s" more
both both "received and processed" "events/s" more
both single "receive_webhook, each body committed" "bodies/s" more
both check "verify_signature of 1 KB" "us" less
