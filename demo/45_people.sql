-- What became of the events: friends by status, tags that put themselves on.
SELECT status, count(*) AS friends FROM linecrm.friend GROUP BY status ORDER BY status;
SELECT tag, count(*) AS friends FROM linecrm.friend_tag GROUP BY tag ORDER BY tag;

-- The shop's site knows who logged in with LINE: shop.line_logins (member_id, line_user_id). Linked in one statement.
SELECT count(*) FILTER (WHERE linecrm.link_member(linecrm.friend_of_user(line_user_id::linecrm.line_user_id), member_id::text, 'login')) AS links
FROM shop.line_logins;

-- The marketer's second message, for the job of pg_cron.
SELECT linecrm.save_message('朝のお知らせ', linecrm.text_message('おはようございます。本日のセール情報です。'));
