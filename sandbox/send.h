/*
 * send.h
 *		One call of push, multicast, reply, narrowcast or broadcast while it is decided.
 */
#ifndef SANDBOX_SEND_H
#define SANDBOX_SEND_H

#include "state.h"

typedef struct Send
{
	json_t *root;
	uint8_t *ids; /* LINE_ID_KEY bytes each, as in "to" */
	size_t count;
	size_t room;
	uint32_t *people; /* the same, as numbers; everybody for narrowcast and broadcast */
	uint8_t *delivered;
	int64_t reach; /* people who get it */
	uint8_t key[16];
	char key_text[37];
	bool has_key;
	uint8_t body_sha[32];
	uint8_t content_sha[32];
	const char *reply_token;
	int64_t ms;
	uint32_t attempt;
	uint32_t key_number;
	int64_t message_id;
	uint8_t message_count;
	uint8_t quotable;
	bool accepted;
	const char *violation;
} Send;

/* send_read.c: false: refused, the answer is made. Without the lock. */
extern bool send_read(Request *r, Send *s);
extern void send_free(Send *s);

/* narrowcast.c: everybody who follows, or as many as the limit says. */
extern void send_to_everybody(Request *r, Send *s);

/* log.c: one line; false: it could not be written. With the lock. */
extern bool log_send(Request *r, const Send *s, int status);

/* send.c: a fault that answers before the body is read. With the lock. */
extern bool send_early(Request *r);

extern bool route_is(const Request *r, const char *name);

#endif
