# Pushes with a content each, from commit to the last outcome, everything durable: at LINE's limit on one channel (2,000
# a second, answers after 50 ms), and over 15 channels with answers after 100 ms and room for 4,096 open requests.
# The aims: the limit held with less than 40 % of a core; 10,000/s without it.

db=sent
limited=$(full 60000 6000)
each=$(full 6000 1000)
need_friends c1 "$limited"
named_people c1 "$limited"
for i in $(seq 2 $CHANNELS); do need_friends "c$i" "$each"; named_people "c$i" "$each"; done

say "$limited pushes at LINE's limit: about $((limited / 2000)) s"
answers_after 50
drain "$limited" "$limited" < <(personal_campaign c1 "$limited" limit)
limit_rate=$rate limit_cpu=$cpu limit_bytes=$bytes

setting linecrm.max_in_flight 4096
answers_after 100
results="$work/sandbox.results"
: > "$results"
for round in 1 2 3; do
	say "without the limit of one channel, round $round of 3"
	drain $((15 * each)) $((15 * each)) < <(for i in $(seq 2 $CHANNELS); do personal_campaign "c$i" "$each" "free $round"; done)
	echo "$rate $cpu" >> "$results"
done
answers_after 0
setting linecrm.max_in_flight
free() { awk -v n="$1" '{ print $n }' "$results" | median; }

table "Push, a content each"
row "at LINE's limit, one channel, pushes" "$limit_rate" "/s" "LINE's limit: 2,000" "$(calc "$limit_rate / 2000")" "$limit_cpu"
row "15 channels together, answers after 100 ms" "$(free 1)" "/s" "LINE's limit of one: 2,000" "$(calc "$(free 1) / 2000")" "$(free 2)"
row "WAL per push, planning to outcome" "$limit_bytes" "B"
