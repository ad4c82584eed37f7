/*
 * webhooks.c
 *		linecrm-sandbox webhooks: makes signed webhook bodies and prints them for COPY, or posts them.
 *
 * A line is the body as bytea in hex, a tab, and the value of x-line-signature, in the text format of COPY, so that
 *   \copy hook (body, signature) from program 'linecrm-sandbox webhooks --secret ... '
 * is all it takes to have thousands of people write. Bodies hold one to --batch events. Some bodies come twice, some
 * events come late: a receiver that relies on order or uniqueness is found out. Needs no server and no state.
 */
#include "webhooks.h"
#include "state.h"

#include <getopt.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "linecrm-sandbox webhooks: signed webhooks as LINE would send them\n"
    "\n"
    "  --secret TEXT       channel secret (required)\n"
    "  --destination U...  user id of the bot (default: the one /v2/bot/info of the first channel shows)\n"
    "  --users N           people (default 100); --first-user N: begin with this one (default 0)\n"
    "  --events N          events after everybody has followed (default 1000)\n"
    "  --no-follow         nobody follows first\n"
    "  --mix LIST          weights, default "
    "text=60,postback=20,sticker=8,image=4,location=2,unfollow=4,videoPlayComplete=1,unknown=1\n"
    "  --batch N           a body holds 1 to N events (default 5)\n"
    "  --redeliver P       share of bodies that come again as redelivery (default 0)\n"
    "  --repeat P          share of bodies that come again unmarked (default 0)\n"
    "  --reorder P         share of events that arrive out of order (default 0)\n"
    "  --start MS          time of the first event in ms (default: an hour ago); --span SECONDS of all (default 3600)\n"
    "  --seed N            same options and seed, same bytes, if --start is given (default 1)\n"
    "  --post URL          posts to http://... instead of printing; exit status 1 unless every answer was 200\n";

static const struct option long_options[] = {
    {"secret", 1, NULL, 's'},    {"destination", 1, NULL, 'd'}, {"users", 1, NULL, 'u'},   {"first-user", 1, NULL, 'f'},
    {"events", 1, NULL, 'e'},    {"no-follow", 0, NULL, 'n'},   {"mix", 1, NULL, 'm'},     {"batch", 1, NULL, 'b'},
    {"redeliver", 1, NULL, 'r'}, {"repeat", 1, NULL, 'p'},      {"reorder", 1, NULL, 'o'}, {"start", 1, NULL, 't'},
    {"span", 1, NULL, 'w'},      {"seed", 1, NULL, 'z'},        {"post", 1, NULL, 'x'},    {"help", 0, NULL, 'h'},
    {NULL, 0, NULL, 0}};

static struct
{
	long bodies;
	long refused;
	int last_status;
} sent;

static bool
read_mix(WebhookOptions *o, const char *value)
{
	char *copy = must_strdup(value), *save = NULL;

	memset(o->mix, 0, sizeof(o->mix));
	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
	{
		char *equals = strchr(word, '=');
		int kind = 0;

		if (equals)
			*equals = '\0';
		while (webhook_kinds[kind] && strcmp(webhook_kinds[kind], word) != 0)
			kind++;
		if (!webhook_kinds[kind])
		{
			fprintf(stderr, "linecrm-sandbox webhooks: unknown kind of event \"%s\"\n", word);
			free(copy);
			return false;
		}
		o->mix[kind] = equals ? atoi(equals + 1) : 1;
	}
	free(copy);
	return true;
}

static bool
take(WebhookOptions *o, int option, const char *value)
{
	switch (option)
	{
		case 's':
			o->secret = value;
			return true;
		case 'd':
			o->destination = value;
			return true;
		case 'u':
			o->users = strtoull(value, NULL, 10);
			return true;
		case 'f':
			o->first_user = strtoull(value, NULL, 10);
			return true;
		case 'e':
			o->events = strtoull(value, NULL, 10);
			return true;
		case 'n':
			o->no_follow = true;
			return true;
		case 'm':
			return read_mix(o, value);
		case 'b':
			o->batch = atoi(value);
			return true;
		case 'r':
			o->redeliver = atof(value);
			return true;
		case 'p':
			o->repeat = atof(value);
			return true;
		case 'o':
			o->reorder = atof(value);
			return true;
		case 't':
			o->start_ms = atoll(value);
			return true;
		case 'w':
			o->span_ms = (int64_t) (atof(value) * 1000);
			return true;
		case 'z':
			o->seed = strtoull(value, NULL, 10);
			return true;
		case 'x':
			o->post = value;
			return true;
		default:
			return false;
	}
}

static void
sign(const WebhookOptions *o, const Buf *body, char out[64])
{
	uint8_t mac[32];
	unsigned len = sizeof(mac);

	HMAC(EVP_sha256(), o->secret, (int) strlen(o->secret), (const unsigned char *) body->data, body->len, mac, &len);
	base64_encode(mac, sizeof(mac), out);
}

static void
send_body(const WebhookOptions *o, const Event *events, size_t n, bool redelivery)
{
	static Buf body, line;
	char signature[64];

	body.len = line.len = 0;
	buf_printf(&body, "{\"destination\":\"%s\",\"events\":[", o->destination);
	for (size_t i = 0; i < n; i++)
	{
		buf_str(&body, i ? "," : "");
		buf_str(&body, events[i].head);
		buf_str(&body, redelivery ? "true" : "false");
		buf_str(&body, events[i].tail);
	}
	buf_str(&body, "]}");
	sign(o, &body, signature);
	sent.bodies++;
	if (o->post)
	{
		int status = webhook_post(&body, signature);

		if (status != 200)
		{
			sent.refused++;
			sent.last_status = status;
		}
		return;
	}
	buf_str(&line, "\\\\x");
	buf_hex(&line, (const uint8_t *) body.data, body.len);
	buf_printf(&line, "\t%s\n", signature);
	fwrite(line.data, 1, line.len, stdout);
}

static void
send_all(const WebhookOptions *o, const Event *events, size_t count)
{
	size_t late_at = 0, late_n = 0;

	for (size_t i = 0; i < count;)
	{
		size_t n = 1 + random_u64() % (uint64_t) o->batch;

		if (n > count - i)
			n = count - i;
		send_body(o, events + i, n, false);
		if (late_n > 0)
			send_body(o, events + late_at, late_n, true);
		late_n = 0;
		if (random_unit() < o->redeliver)
		{
			late_at = i;
			late_n = n;
		}
		if (random_unit() < o->repeat)
			send_body(o, events + i, n, false);
		i += n;
	}
	if (late_n > 0)
		send_body(o, events + late_at, late_n, true);
}

static bool
usable(WebhookOptions *o)
{
	static char bot[34] = "U";
	uint8_t key[LINE_ID_KEY];

	if (!o->secret || !*o->secret)
		fprintf(stderr, "linecrm-sandbox webhooks: --secret is missing\n");
	else if (o->users < 1 || o->batch < 1)
		fprintf(stderr, "linecrm-sandbox webhooks: --users and --batch are at least 1\n");
	else if (o->post && !webhook_post_open(o->post))
		fprintf(stderr, "linecrm-sandbox webhooks: --post takes an http:// address, not \"%s\"\n", o->post);
	else
	{
		made_line_id(0xb07, 0, key);
		hex_encode(key + 1, 16, bot + 1);
		if (!o->destination)
			o->destination = bot;
		return true;
	}
	return false;
}

int
webhooks_main(int argc, char **argv)
{
	WebhookOptions o = {.seed = 1,
	                    .users = 100,
	                    .events = 1000,
	                    .batch = 5,
	                    .mix = {60, 20, 8, 4, 2, 4, 1, 1},
	                    .span_ms = 3600000,
	                    .start_ms = real_ms() - 3600000};
	Event *events;
	size_t count;
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
	{
		if (option == 'h')
		{
			fputs(usage, stdout);
			return 0;
		}
		if (!take(&o, option, optarg))
			return 2;
	}
	if (optind < argc || !usable(&o))
		return 2;
	random_seed(o.seed);
	events = webhook_make_events(&o, &count);
	send_all(&o, events, count);
	for (size_t i = 0; i < count; i++)
	{
		free(events[i].head);
		free(events[i].tail);
	}
	free(events);
	if (o.post)
		fprintf(stderr, "%ld bodies with %zu events, %ld not answered with 200%s\n", sent.bodies, count, sent.refused,
		        sent.refused && sent.last_status == 0 ? " (no answer)" : "");
	return fflush(stdout) != 0 || sent.refused > 0;
}
