-- The peer of bench/intake.sh: the same intake as one would write it in PL/pgSQL with pgcrypto. Signature over the raw
-- body, each event once, then friends with their status, taps and one tag by text; one row at a time, as the events came.

CREATE SCHEMA peer;

CREATE TABLE peer.inbox (
	event_id  text PRIMARY KEY,
	nth       bigserial,
	event_at  timestamptz NOT NULL,
	event     jsonb NOT NULL,
	done_at   timestamptz
);
CREATE INDEX ON peer.inbox (event_at, nth) WHERE done_at IS NULL;
CREATE TABLE peer.friend (
	friend_id        bigserial PRIMARY KEY,
	user_id          text NOT NULL UNIQUE,
	status           text NOT NULL,
	status_at        timestamptz,
	last_message_at  timestamptz
);
CREATE TABLE peer.tap (
	friend_id  bigint NOT NULL,
	tapped_at  timestamptz NOT NULL,
	event_id   text NOT NULL,
	data       text,
	PRIMARY KEY (friend_id, tapped_at, event_id)
);
CREATE TABLE peer.friend_tag (
	friend_id  bigint NOT NULL,
	tag        text NOT NULL,
	since_at   timestamptz NOT NULL,
	PRIMARY KEY (friend_id, tag)
);

CREATE FUNCTION peer.receive(secret text, body bytea, signature text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	stored integer;
BEGIN
	IF encode(public.hmac(body, convert_to(secret, 'UTF8'), 'sha256'), 'base64') IS DISTINCT FROM signature THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_authorization_specification', MESSAGE = 'bad signature';
	END IF;
	INSERT INTO peer.inbox (event_id, event_at, event)
	SELECT e ->> 'webhookEventId', to_timestamp((e ->> 'timestamp')::float8 / 1000), e
	FROM jsonb_array_elements(convert_from(body, 'UTF8')::jsonb -> 'events') AS e
	ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS stored = ROW_COUNT;
	RETURN stored;
END
$$;

CREATE FUNCTION peer.process(max_events integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	e record;
	kind text;
	fid bigint;
	done integer := 0;
BEGIN
	FOR e IN SELECT i.* FROM peer.inbox i WHERE i.done_at IS NULL ORDER BY i.event_at, i.nth LIMIT max_events LOOP
		done := done + 1;
		UPDATE peer.inbox SET done_at = clock_timestamp() WHERE event_id = e.event_id;
		CONTINUE WHEN e.event #>> '{source,type}' IS DISTINCT FROM 'user';
		kind := e.event ->> 'type';
		INSERT INTO peer.friend AS f (user_id, status) VALUES (e.event #>> '{source,userId}', 'unknown') ON CONFLICT DO NOTHING;
		UPDATE peer.friend AS f SET
			status = CASE WHEN kind = 'unfollow' THEN 'blocked' ELSE 'following' END,
			status_at = e.event_at,
			last_message_at = CASE WHEN kind IN ('message', 'postback') THEN e.event_at ELSE f.last_message_at END
		WHERE f.user_id = e.event #>> '{source,userId}' AND (f.status_at IS NULL OR f.status_at <= e.event_at)
		RETURNING f.friend_id INTO fid;
		IF kind = 'postback' AND fid IS NOT NULL THEN
			INSERT INTO peer.tap VALUES (fid, e.event_at, e.event_id, e.event #>> '{postback,data}') ON CONFLICT DO NOTHING;
		ELSIF kind = 'message' AND fid IS NOT NULL AND lower(btrim(normalize(e.event #>> '{message,text}', NFKC))) = 'クーポンください' THEN
			INSERT INTO peer.friend_tag VALUES (fid, 'クーポン希望', e.event_at) ON CONFLICT DO NOTHING;
		END IF;
	END LOOP;
	RETURN done;
END
$$;
