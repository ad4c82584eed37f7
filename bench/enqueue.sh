# Planning and enqueueing, the commit included: one content for a million friends, a content of their own for a hundred
# thousand, single pushes; and the WAL that it writes. Nothing is sent: the database has no workers.
#
# Compared with a plain queue of one row a recipient (a serial key, friend, content, state, time), filled by one INSERT.

db=quiet
friends=$(full 1000000 100000)
people=$(full 100000 10000)
need_friends c1 "$friends"
everybody_of c1
named_people c1 "$people"
sql -c 'CREATE TABLE IF NOT EXISTS bench.queue (queue_id bigserial PRIMARY KEY, friend_id bigint NOT NULL, message_id bigint, body jsonb,
	state smallint NOT NULL DEFAULT 0, due_at timestamptz NOT NULL DEFAULT now())'
results="$work/sandbox.results" # lines: what, ms, bytes of WAL
: > "$results"
measure() { # measure WHAT SQL
	local before ms
	before=$(wal)
	ms=$(timed "$2")
	echo "$1 $ms $(($(wal) - before))" >> "$results"
}
for round in 1 2 3; do
	say "round $round of 3"
	measure one "$(campaign c1 "$round")"
	measure one_plain "INSERT INTO bench.queue (friend_id, message_id) SELECT friend_id, $round FROM linecrm_internal.friend LIMIT $friends"
	measure own "$(personal_campaign c1 "$people" "$round")"
	measure own_plain "INSERT INTO bench.queue (friend_id, body) SELECT friend_id, linecrm.text_message('第' || friend_id || '番様、お知らせ: ご注文の品が入荷しました。') FROM linecrm_internal.friend LIMIT $people"
done
say "200 single pushes"
for i in $(seq 200); do echo "SELECT linecrm.push($i, messages => linecrm.text_message('注文 $i を発送しました'));"; done > "$work/sandbox.push"
for i in $(seq 200); do echo "INSERT INTO bench.queue (friend_id, body) VALUES ($i, linecrm.text_message('注文 $i を発送しました'));"; done > "$work/sandbox.plain"
before=$(wal)
(echo '\timing on'; cat "$work/sandbox.push") | sql -f - | awk '/^Time:/ { print "single", $2, 0 }' >> "$results"
push_wal=$((($(wal) - before) / 200))
(echo '\timing on'; cat "$work/sandbox.plain") | sql -f - | awk '/^Time:/ { print "single_plain", $2, 0 }' >> "$results"

ms_of() { awk -v w="$1" '$1 == w { print $2 }' "$results" | median; }
wal_of() { awk -v w="$1" -v n="$2" '$1 == w { print $3 / n }' "$results" | median; }
compared() { # compared WHAT TEXT
	row "$2" "$(ms_of "$1")" ms "a row each: $(figure "$(ms_of "$1_plain")") ms" "$(calc "$(ms_of "$1_plain") / $(ms_of "$1")")"
}
compared_wal() { # compared_wal WHAT TEXT N
	row "$2" "$(wal_of "$1" "$3")" "B" "a row each: $(figure "$(wal_of "$1_plain" "$3")") B" "$(calc "$(wal_of "$1_plain" "$3") / $(wal_of "$1" "$3")")"
}
table "Planning and enqueueing"
compared one "deliver, one content, $(figure "$friends") friends"
compared_wal one "   WAL per recipient" "$friends"
compared own "deliver, a content each, $(figure "$people") friends"
compared_wal own "   WAL per recipient" "$people"
compared single "push, one transaction each, median of 200"
row "   WAL per push" "$push_wal" B
sql -c 'DROP TABLE bench.queue'
