-- The account, by crm_owner. The secret signs webhooks, the token opens the Messaging API; both are sealed before they
-- reach a table.
SELECT linecrm.save_channel('さくら商店', note => 'the shop''s LINE Official Account');
SELECT linecrm.set_credential('さくら商店', 'channel_secret', :'channel_secret');
SELECT linecrm.set_credential('さくら商店', 'access_token', :'access_token');

-- Who may do what. Each sees only what these lines give.
SELECT linecrm.grant_access('analyst', 'analyst');
SELECT linecrm.grant_access('marketer', 'marketer');
SELECT linecrm.grant_access('shop_app', 'app');
SELECT linecrm.grant_access('receiver', 'gateway');

-- Tags that put themselves on friends: on the add, on a text, on a button.
SELECT linecrm.save_tag('新しい友だち', on_follow => true);
SELECT linecrm.save_tag('クーポン希望', on_text => ARRAY['クーポンください']);
SELECT linecrm.save_tag('来店予約', on_postback => ARRAY['action=reserve%']);
SELECT linecrm.save_tag('新商品に興味', on_postback => ARRAY['tag=新商品']);

-- What LINE knows about the account: quota, used, name. The sender asks, the clerk writes it down.
SELECT linecrm.refresh_channel();
