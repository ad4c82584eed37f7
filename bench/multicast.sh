# Multicasts from commit to the last outcome, everything durable: at LINE's limit on one channel (200 requests of 500
# people a second, answers after 50 ms), and over 15 channels, which together may do fifteen times as much.
# The aims: the limit held with less than 15 % of a core; 500,000 recipients/s; 25 bytes of WAL per recipient.

db=sent
friends=$(full 1000000 100000)
each=$(full 60000 10000)
need_friends c1 "$friends"
everybody_of c1
for i in $(seq 2 $CHANNELS); do need_friends "c$i" "$each"; everybody_of "c$i"; done

campaigns=3
say "$campaigns campaigns of $friends people at LINE's limit: about $((campaigns * friends / 100000)) s"
answers_after 50
drain $((campaigns * friends / 500)) $((campaigns * friends)) < <(for i in $(seq $campaigns); do campaign c1 "limit $i"; done)
answers_after 0
limit_rate=$rate limit_cpu=$cpu limit_bytes=$bytes

results="$work/sandbox.results"
: > "$results"
campaigns=$(full 4 2)
for round in 1 2 3; do
	say "without the limit of one channel, round $round of 3"
	drain $((15 * campaigns * each / 500)) $((15 * campaigns * each)) \
		< <(for k in $(seq "$campaigns"); do for i in $(seq 2 $CHANNELS); do campaign "c$i" "free $round $k"; done; done)
	echo "$rate $cpu $bytes" >> "$results"
done
free() { awk -v n="$1" '{ print $n }' "$results" | median; }

table "Multicast, 500 people a request"
row "at LINE's limit, one channel, recipients" "$limit_rate" "/s" "LINE's limit: 100,000" "$(calc "$limit_rate / 100000")" "$limit_cpu"
row "15 channels together, recipients" "$(free 1)" "/s" "LINE's limit of one: 100,000" "$(calc "$(free 1) / 100000")" "$(free 2)"
row "WAL per recipient, planning to outcome" "$(free 3)" "B" "aim: 25" "$(calc "25 / $(free 3)")"
