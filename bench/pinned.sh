# Pushes over 15 channels while an old snapshot is held, as by a pg_dump or a forgotten transaction: dead rows of the queue
# cannot be removed then. Two drains without, then several with the snapshot held all the time, then two without again.
# The aim: 80 % of the free rate or more.

db=sent
each=$(full 2000 500)
rounds=$(full 4 2)
for i in $(seq 2 $CHANNELS); do need_friends "c$i" "$each"; named_people "c$i" "$each"; done
one_drain() { # one_drain NAME: its rate, as a line
	drain $((15 * each)) $((15 * each)) < <(for i in $(seq 2 $CHANNELS); do personal_campaign "c$i" "$each" "$1"; done)
	say "$1: $(figure "$rate")/s"
	echo "${1%% *} $rate $cpu" >> "$results"
}
results="$work/sandbox.results"
: > "$results"
one_drain "warm 1"
one_drain "free 1"
one_drain "free 2"
sql -c 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_sleep(600)' >/dev/null 2>&1 &
until_true 10 "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND backend_xmin IS NOT NULL"
held=$SECONDS
for i in $(seq "$rounds"); do one_drain "pinned $i"; done
held=$((SECONDS - held))
ask "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
one_drain "free 3"
one_drain "free 4"
of() { awk -v w="$1" -v n="$2" '$1 == w { print $n }' "$results" | median; }

table "Pushes with an old snapshot held for $held s"
row "free, pushes" "$(of free 2)" "/s" "" "" "$(of free 3)"
row "snapshot held, pushes" "$(of pinned 2)" "/s" "free" "$(calc "$(of pinned 2) / $(of free 2)")" "$(of pinned 3)"
