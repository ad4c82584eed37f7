/*
 * webhook_events.c
 *		Makes up what people do: follow, write, press buttons, block and come back.
 *
 * Everything follows from the seed: the same options give the same bytes. People are those of names.c, so that the
 *server's --friends with the same seed knows them. Somebody who has blocked is silent until he follows again. Reply
 *tokens carry their user
 * ("rt", the id's digits, a number), so that the sandbox's log can name who was answered. Fields and their order are
 *LINE's; the texts are chosen to hurt: emoji outside the BMP, variant characters, quotes, newlines, escapes, half-width
 *kana, an empty-looking line.
 */
#include "webhooks.h"
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const webhook_kinds[] = {"text",     "postback",          "sticker", "image", "location",
                                     "unfollow", "videoPlayComplete", "unknown", NULL};

/* JSON texts, already escaped. */
static const char *const texts[] = {"こんにちは",
                                    "クーポンください",
                                    "営業時間は何時までですか？",
                                    "予約したいです🙇",
                                    "会員番号 12345",
                                    "ありがとうございます！\\n助かりました。",
                                    "\\\"限定\\\" の商品はまだありますか",
                                    "髙﨑です。𠮷野家の隣の店舗ですか",
                                    "ﾊﾝｶｸ ｶﾅ と　全角　空白",
                                    "👨‍👩‍👧‍👦で行きます\\ud83c\\udf89",
                                    "配送状況を教えて",
                                    "ポイント残高",
                                    "退会\\u3000したい",
                                    "はい",
                                    "いいえ",
                                    "https://shop.example/item?id=1&ref=line"};
static const char *const postbacks[] = {
    "action=coupon&id=1", "action=reserve&store=3", "action=survey&answer=満足", "action=cancel", "tag=新商品",
    "menu=points"};

static void
make_ulid(int64_t ms, char out[27])
{
	static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint64_t a = random_u64(), b = random_u64();

	for (int i = 9; i >= 0; i--, ms >>= 5)
		out[i] = letters[ms & 31];
	for (int i = 10; i < 18; i++, a >>= 5)
		out[i] = letters[a & 31];
	for (int i = 18; i < 26; i++, b >>= 5)
		out[i] = letters[b & 31];
	out[26] = '\0';
}

static void
add_message(Buf *b, int kind, uint64_t number)
{
	unsigned long long id = 470000000000000000ULL + number;

	buf_printf(b, "\"message\":{\"type\":\"%s\",\"id\":\"%llu\"", webhook_kinds[kind], id);
	if (kind == 0)
		buf_printf(b, ",\"quoteToken\":\"q%llu\",\"markAsReadToken\":\"r%llu\",\"text\":\"%s\"", id, id,
		           texts[random_u64() % (sizeof(texts) / sizeof(texts[0]))]);
	else if (kind == 2)
		buf_printf(
		    b,
		    ",\"quoteToken\":\"q%llu\",\"packageId\":\"446\",\"stickerId\":\"%d\",\"stickerResourceType\":\"STATIC\"",
		    id, 1988 + (int) (random_u64() % 40));
	else if (kind == 3)
		buf_printf(b, ",\"quoteToken\":\"q%llu\",\"contentProvider\":{\"type\":\"line\"}", id);
	else
		buf_printf(
		    b,
		    ",\"title\":\"東京駅\",\"address\":\"東京都千代田区丸の内1丁目\",\"latitude\":35.681236,\"longitude\":%.6f",
		    139.5 + random_unit() / 2);
	buf_str(b, "},");
}

static void
add_postback(Buf *b)
{
	buf_printf(b, "\"postback\":{\"data\":\"%s\"",
	           postbacks[random_u64() % (sizeof(postbacks) / sizeof(postbacks[0]))]);
	if (random_u64() % 5 == 0)
		buf_printf(b, ",\"params\":{\"datetime\":\"2026-12-%02dT%02d:00\"}", 1 + (int) (random_u64() % 28),
		           9 + (int) (random_u64() % 10));
	buf_str(b, "},");
}

/* kind: index of webhook_kinds, -1 follow, -2 follow again. */
static Event
make_event(const uint8_t user[LINE_ID_KEY], int kind, int64_t ms, uint64_t number)
{
	static const char *const types[] = {"message", "postback", "message",           "message",
	                                    "message", "unfollow", "videoPlayComplete", "sandboxUnknown"};
	Buf head = {0}, tail = {0};
	char ulid[27], id[33] = "";

	hex_encode(user + 1, 16, id);
	make_ulid(ms, ulid);
	buf_printf(&head, "{\"type\":\"%s\",", kind < 0 ? "follow" : types[kind]);
	if (kind < 0)
		buf_printf(&head, "\"follow\":{\"isUnblocked\":%s},", kind == -2 ? "true" : "false");
	else if (kind == 1)
		add_postback(&head);
	else if (kind == 6)
		buf_str(&head, "\"videoPlayComplete\":{\"trackingId\":\"movie-1\"},");
	else if (kind != 5 && kind != 7)
		add_message(&head, kind, number);
	buf_printf(&head, "\"webhookEventId\":\"%s\",\"deliveryContext\":{\"isRedelivery\":", ulid);
	buf_printf(&tail, "},\"timestamp\":%lld,\"source\":{\"type\":\"user\",\"userId\":\"U%s\"},", (long long) ms, id);
	if (kind != 5 && kind != 7)
		buf_printf(&tail, "\"replyToken\":\"rt%s%08llx\",", id, (unsigned long long) number);
	buf_str(&tail, "\"mode\":\"active\"}");
	buf_add(&head, "", 1);
	buf_add(&tail, "", 1);
	return (Event){head.data, tail.data};
}

static int
pick_kind(const WebhookOptions *o)
{
	int total = 0, at;

	for (int i = 0; i < 8; i++)
		total += o->mix[i];
	if (total == 0)
		return 0;
	at = (int) (random_u64() % (uint64_t) total);
	for (int i = 0; i < 8; i++)
	{
		if (at < o->mix[i])
			return i;
		at -= o->mix[i];
	}
	return 0;
}

/* Some events change places with one that comes up to twenty later: arrival is not order. */
static void
reorder(const WebhookOptions *o, Event *events, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++)
	{
		size_t other = i + 1 + random_u64() % 20;
		Event kept = events[i];

		if (random_unit() >= o->reorder || other >= n)
			continue;
		events[i] = events[other];
		events[other] = kept;
	}
}

Event *
webhook_make_events(const WebhookOptions *o, size_t *count)
{
	uint64_t follows = o->no_follow ? 0 : o->users, total = follows + o->events;
	Event *events = must_alloc((total + 1) * sizeof(Event));
	uint8_t *away = must_alloc(o->users + 1);

	for (uint64_t i = 0; i < total; i++)
	{
		uint64_t who = i < follows ? i : random_u64() % o->users;
		int64_t ms = o->start_ms + (int64_t) ((double) o->span_ms * (double) i / (double) total);
		int kind = i < follows ? -1 : away[who] ? -2 : pick_kind(o);
		uint8_t id[LINE_ID_KEY];

		away[who] = kind == 5;
		made_line_id(o->seed, o->first_user + who, id);
		events[i] = make_event(id, kind, ms, i);
	}
	free(away);
	reorder(o, events, total);
	*count = total;
	return events;
}
