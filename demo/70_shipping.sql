-- The shop's own trigger: when an order is shipped, its buyer hears of it, if the transaction commits.
CREATE FUNCTION shop.tell_shipped() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM linecrm.push_member(NEW.member_id, messages => linecrm.text_message(format('ご注文 %s を発送しました。', NEW.id)),
		key => format('shipped:%s', NEW.id));
	RETURN NULL;
END
$$;
CREATE TRIGGER tell_shipped AFTER UPDATE OF status ON shop.orders
	FOR EACH ROW WHEN (OLD.status <> 'shipped' AND NEW.status = 'shipped') EXECUTE FUNCTION shop.tell_shipped();
ALTER FUNCTION shop.tell_shipped() OWNER TO shop_app;
