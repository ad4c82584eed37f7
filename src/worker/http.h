/*
 * http.h
 *		A pool of HTTP transfers for a process with a latch. Knows curl and nothing of SQL or LINE.
 */
#ifndef LINECRM_HTTP_H
#define LINECRM_HTTP_H

#include "line/json_writer.h"

#define LC_HTTP_ID_SIZE 80

/* One transfer. From http_acquire() until http_release() it belongs to the caller. */
typedef struct LcTransfer
{
	/* set by the caller before http_launch */
	const char *method;
	const char *url;
	const char *bearer;		  /* NULL: no Authorization header */
	const char *content_type; /* NULL: none */
	const char *retry_key;	  /* NULL: none */
	LcBuffer body;			  /* memory of the pool; empty: no body */
	size_t answer_max;
	bool only_once; /* the body may leave once: see set_body() */
	void *owner;

	/* set by the pool when the transfer has ended */
	int curl_code;
	bool may_have_sent;
	int status; /* 0: none came */
	char *answer;
	size_t answer_size;
	bool truncated;
	char request_id[LC_HTTP_ID_SIZE];
	char accepted_request_id[LC_HTTP_ID_SIZE];
	char error[256];

	/* the pool's own */
	struct LcTransferParts *parts;
	struct LcTransfer *next;
} LcTransfer;

extern void http_start(void);
extern int http_capacity(void);
extern int http_in_flight(void);
extern LcTransfer *http_acquire(void);
extern bool http_launch(LcTransfer *transfer);
extern void http_release(LcTransfer *transfer);
extern void http_wait(long timeout_ms);
extern LcTransfer *http_next_finished(void);

#endif
