# A single push in a transaction of its own, on an idle system: from the moment COMMIT is sent to the moment LINE's stand-in
# has the request (its log counts whole milliseconds, so half of one is added). Contains two commits to disk: the owner's
# and the claim, which must be durable before anything leaves. The aim: a median under 5 ms. A queue that is polled each
# second would take 500.

db=sent
need_friends c1 200
pushes=$(full 200 50)
first=$(ask "SELECT min(f.friend_id) FROM linecrm_internal.friend f JOIN linecrm_internal.channel c USING (channel_id) WHERE c.name = 'c1'")
sql -c 'DROP TABLE IF EXISTS bench.wake, bench.log' -c 'CREATE TABLE bench.wake (delivery_id bigint, before float8, after float8)' -c 'CREATE TABLE bench.log (line text)'
curl -sS -d '' "$sandbox/sandbox/reset" >/dev/null
say "$pushes pushes, one every 50 ms"
for i in $(seq "$pushes"); do
	cat <<-SQL
		BEGIN;
		SELECT linecrm.push($first + $i - 1, messages => linecrm.text_message('注文 $i を発送しました')) AS delivery_id \\gset
		SELECT extract(epoch FROM clock_timestamp()) * 1000 AS before \\gset
		COMMIT;
		SELECT extract(epoch FROM clock_timestamp()) * 1000 AS after \\gset
		\\echo :delivery_id :before :after
		SELECT pg_sleep(0.05) \\g /dev/null
	SQL
done | sql -f - | tr ' ' '\t' > "$work/sandbox.wake" || fail "wake"
curl -sS "$sandbox/sandbox/log" > "$work/sandbox.log"
sql -c "\\copy bench.wake FROM '$work/sandbox.wake'" -c "\\copy bench.log FROM '$work/sandbox.log' (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02')" || fail "log"
percentile() { # percentile P EXPRESSION
	ask "SELECT percentile_cont($1) WITHIN GROUP (ORDER BY $2) FROM bench.wake w
		JOIN linecrm_internal.request q USING (delivery_id)
		JOIN (SELECT (line::jsonb ->> 'key')::uuid AS retry_key, (line::jsonb ->> 'ms')::float8 + 0.5 AS arrived FROM bench.log) AS l USING (retry_key)"
}
[ "$(ask 'SELECT count(*) FROM bench.log')" -eq "$pushes" ] || fail "the log has not $pushes pushes"

table "One push: COMMIT to the bytes on the wire"
row "COMMIT sent to request received, median" "$(percentile 0.5 'arrived - before')" ms "polling each second: 500 ms" "$(calc "500 / $(percentile 0.5 'arrived - before')")"
row "   99th of 100" "$(percentile 0.99 'arrived - before')" ms
row "   of it the owner's COMMIT, median" "$(percentile 0.5 'after - before')" ms
