-- What became of the events: friends by status, tags that put themselves on.
SELECT status, count(*) AS friends FROM linecrm.friend GROUP BY status ORDER BY status;
SELECT tag, count(*) AS friends FROM linecrm.friend_tag GROUP BY tag ORDER BY tag;

-- The shop's site knows who logged in with LINE: a table of the owner's, linked in one statement.
CREATE TABLE IF NOT EXISTS linecrm_demo_login AS
	SELECT user_id, row_number() OVER (ORDER BY user_id) * 5 AS member_id FROM linecrm.friend;
SELECT count(linecrm.link_member(linecrm.friend_of_user(user_id::linecrm.line_user_id), member_id::text, 'login')) AS links
FROM linecrm_demo_login WHERE member_id <= 30000;

-- The marketer's second message, for the job of pg_cron.
SELECT linecrm.save_message('朝のお知らせ', linecrm.text_message('おはようございます。本日のセール情報です。'));
