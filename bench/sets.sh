# Tags as sets: an expression of three tags, and tagging everybody, over 1 million friends with 50 tags.
#
# Compared with the same rows without sets: a join over friend_tag (which has both indexes), and a plain table of
# (friend_id, tag_id, since_at) with the same two indexes, filled by INSERT ... SELECT. Each second time in a session.

db=quiet
friends=$(full 1000000 100000)
rounds=$(full 5 3)
need_friends c1 "$friends"
if [ "$(ask "SELECT count(*) FROM linecrm_internal.tag")" -lt 50 ]; then
	say "50 tags: the first on half of the friends, the second on a quarter, ... the last on a hundredth: $((friends * 225 / 100)) rows"
	for i in $(seq 50); do
		sql -c "SELECT linecrm.save_tag('t$i'), linecrm.tag_friends((SELECT linecrm.friendset_agg(friend_id)
			FROM linecrm_internal.friend WHERE hashint8extended(friend_id, $i) % ($i * 2) = 0), 't$i')" >/dev/null || fail "tags"
	done
	sql -c 'VACUUM ANALYZE linecrm_internal.friend_tag, linecrm_internal.tag_delta, linecrm_internal.tag_shard'
fi

by_set="SELECT linecrm.cardinality(linecrm.tag_set('t1 & t2 & !t3'))"
by_join="SELECT count(*) FROM linecrm_internal.friend_tag a JOIN linecrm_internal.friend_tag b USING (friend_id)
	JOIN linecrm_internal.tag ta ON ta.tag_id = a.tag_id AND ta.name = 't1' JOIN linecrm_internal.tag tb ON tb.tag_id = b.tag_id AND tb.name = 't2'
	WHERE NOT EXISTS (SELECT FROM linecrm_internal.friend_tag c JOIN linecrm_internal.tag tc USING (tag_id) WHERE c.friend_id = a.friend_id AND tc.name = 't3')"
by_members="SELECT count(*) FROM (SELECT linecrm.friend_ids(linecrm.tag_set('t1 & t2 & !t3'))) AS ids"
[ "$(ask "$by_set")" = "$(ask "$by_join")" ] || fail "sets and join differ"

say "three tags, $rounds rounds each, before and after merging"
unmerged=$(for _ in $(seq $rounds); do timed "$by_set" "$by_set"; done | median)
sql -c 'DO $$ BEGIN WHILE linecrm_internal._merge_tags_turn() > 0 LOOP END LOOP; END $$'
sql -c 'VACUUM ANALYZE linecrm_internal.tag_delta, linecrm_internal.tag_shard'
sets="" joins="" members=""
for _ in $(seq $rounds); do
	sets+=" $(timed "$by_set" "$by_set")" joins+=" $(timed "$by_join" "$by_join")" members+=" $(timed "$by_members" "$by_members")"
done
set_ms=$(echo "$sets" | tr ' ' '\n' | grep . | median) join_ms=$(echo "$joins" | tr ' ' '\n' | grep . | median)
member_ms=$(echo "$members" | tr ' ' '\n' | grep . | median)

say "tagging everybody, 3 rounds, alternated with a plain table"
sql <<-'SQL' >/dev/null
	DROP TABLE IF EXISTS bench.friend_tag;
	CREATE TABLE bench.friend_tag (friend_id bigint, tag_id bigint, since_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (friend_id, tag_id));
	CREATE INDEX ON bench.friend_tag (tag_id, friend_id);
SQL
ours="" plain=""
for i in 1 2 3; do
	sql -c "SELECT linecrm.save_tag('everybody $i')" >/dev/null
	ours+=" $(timed "SELECT linecrm.tag_friends($(everybody c1), 'everybody $i')")"
	plain+=" $(timed "INSERT INTO bench.friend_tag SELECT friend_id, $i FROM linecrm_internal.friend")"
done
tag_ms=$(echo $ours | tr ' ' '\n' | median) plain_ms=$(echo $plain | tr ' ' '\n' | median)
again_ms=$(timed "SELECT linecrm.tag_friends($(everybody c1), 'everybody 1')")
sql -c "DROP TABLE bench.friend_tag" -c "SELECT linecrm.drop_tag('everybody ' || i) FROM generate_series(1, 3) AS i" >/dev/null

table "Sets of tags: $friends friends, 50 tags"
row "t1 & t2 & !t3: how many" "$set_ms" ms "join over friend_tag, $(figure "$join_ms") ms" "$(calc "$join_ms / $set_ms")"
row "the same as rows of friend_id" "$member_ms" ms "join over friend_tag" "$(calc "$join_ms / $member_ms")"
row "the same, tags just put on and not merged yet" "$unmerged" ms "merged" "$(calc "$set_ms / $unmerged")"
row "one tag on everybody: rows, history and set" "$tag_ms" ms "plain table, $(figure "$plain_ms") ms" "$(calc "$plain_ms / $tag_ms")"
row "the same again: everybody has it" "$again_ms" ms
