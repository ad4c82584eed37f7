/*
 * webhooks.h
 *		The other direction: webhooks as LINE would send them, signed.
 */
#ifndef SANDBOX_WEBHOOKS_H
#define SANDBOX_WEBHOOKS_H

#include "util.h"

typedef struct WebhookOptions
{
	uint64_t seed;
	uint64_t users;
	uint64_t first_user;
	uint64_t events;
	int batch; /* at most so many events in one body */
	const char *secret;
	const char *destination;
	double redeliver; /* share of bodies that come again, marked as redelivery */
	double repeat;    /* share of bodies that come again unmarked */
	double reorder;   /* share of events that come late */
	int64_t start_ms;
	int64_t span_ms;
	int mix[8]; /* weights of kinds after the first follow */
	bool no_follow;
	const char *post;
} WebhookOptions;

/* An event as text, but for the flag of redelivery, which stands at one place. */
typedef struct Event
{
	char *head;
	char *tail;
} Event;

/* webhook_events.c */
extern const char *const webhook_kinds[];
extern Event *webhook_make_events(const WebhookOptions *o, size_t *count);

/* webhook_post.c */
extern bool webhook_post_open(const char *url);
extern int webhook_post(const Buf *body, const char *signature);

#endif
