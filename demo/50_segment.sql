-- The data team writes a segment in plain SQL: friends who asked for a coupon, are silver or gold members, and have
-- bought in the last year but not in the last 60 days. It runs with the analyst's own rights, read-only, each time anew.
SELECT linecrm.save_segment('お久しぶりの会員', $$
	SELECT f.friend_id, m.name, s.name AS store
	FROM linecrm.friend f
	JOIN linecrm.friend_tag t ON t.friend_id = f.friend_id AND t.tag = 'クーポン希望'
	JOIN linecrm.member_link l ON l.friend_id = f.friend_id
	JOIN shop.members m ON m.id = l.member_no
	JOIN shop.stores s ON s.id = m.store_id
	WHERE m.rank IN ('silver', 'gold')
	  AND (SELECT max(o.ordered_at) FROM shop.orders o WHERE o.member_id = m.id)
		BETWEEN now() - interval '365 days' AND now() - interval '60 days'
$$);
SELECT linecrm.cardinality(linecrm.segment_set('お久しぶりの会員')) AS friends_in_segment;
