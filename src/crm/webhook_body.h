/*
 * webhook_body.h
 *		The body of a webhook, taken apart into events without building a tree.
 */
#ifndef LINECRM_WEBHOOK_BODY_H
#define LINECRM_WEBHOOK_BODY_H

/* One event: its own bytes inside the body, and what the inbox has columns for. Strings are NULL when absent. */
typedef struct LcEvent
{
	const char *raw;
	int raw_length;
	char *type;
	char *event_id;
	char *source_type;
	char *user_id;
	char *chat_id;
	int64 timestamp_ms; /* 0: absent or not a plain number of milliseconds */
	bool redelivered;
} LcEvent;

typedef struct LcWebhookBody
{
	char *destination;
	LcEvent *events;
	int event_count;
	int event_space;
} LcWebhookBody;

/*
 * Reads a body. NULL when it is well-formed, else what is wrong with it as a sentence without full stop. The events
 * point into the bytes.
 */
extern const char *webhook_body_read(const char *bytes, int length, LcWebhookBody *body);

#endif
