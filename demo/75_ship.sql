-- An order of a linked member is shipped: the notice is part of this transaction.
BEGIN;
UPDATE shop.orders SET status = 'shipped' WHERE id = (SELECT min(o.id) FROM shop.orders o
	WHERE o.status = 'paid' AND linecrm.friend_of_member(o.member_id) IS NOT NULL);
COMMIT;
-- Another one is rolled back: nobody hears of it.
BEGIN;
UPDATE shop.orders SET status = 'shipped' WHERE id = (SELECT min(o.id) FROM shop.orders o
	WHERE o.status = 'paid' AND linecrm.friend_of_member(o.member_id) IS NOT NULL);
ROLLBACK;
