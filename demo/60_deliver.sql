-- The marketer saves a message. {{store}} is a column of the segment; friends of one store share their multicasts.
SELECT linecrm.save_message('おかえりクーポン', linecrm.button_message('{{store}}から、お久しぶりの皆さまへ 10% OFF クーポンです', '使う', '店舗を見る'));

-- First look: who, how much, when it will be done, and why not the others. Nothing is written.
SELECT part, item, friends, left(value, 60) AS value, detail FROM linecrm.preview(segment => 'お久しぶりの会員', message => 'おかえりクーポン');

-- Then send. The key makes it one delivery however often this line is run.
SELECT linecrm.deliver(segment => 'お久しぶりの会員', message => 'おかえりクーポン', at => now(), key => 'okaeri:1', at_most => 5000) AS delivery_id;
SELECT linecrm.deliver(segment => 'お久しぶりの会員', message => 'おかえりクーポン', at => now(), key => 'okaeri:1', at_most => 5000) AS same_delivery_id;
