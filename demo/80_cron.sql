-- A job of the marketer in pg_cron: every minute it asks for today's delivery at the same key, so that it is sent once.
SELECT cron.schedule('morning greeting', '* * * * *', $$
	SELECT linecrm.deliver(friends => linecrm.tag_set('新商品に興味 & !クーポン希望'), message => '朝のお知らせ',
		at => now(), key => format('morning:%s', current_date), at_most => 1000)
$$);
