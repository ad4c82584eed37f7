/*
 * sandbox.h
 *		What the files of the sandbox share about one request: the route it took, the fault that hit it, the answer it
 *gets.
 *
 * The way of a request: server.c reads it, route.c finds its handler, the handler (send.c, people.c, account.c,
 *oauth.c, control.c) fills the answer, server.c sends it, spoiled by transport.c if a fault says so. A handler runs on
 *a server thread, takes the state lock itself, and never blocks.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "util.h"

#include <jansson.h>
#include <microhttpd.h>
#include <sys/types.h>

#define MAX_BODY 2000000 /* "2 MB": the unit is not documented, so the smaller reading */
#define MAX_CONTROL_BODY (1 << 30)
#define MAX_ROUTES 64
#define MAX_CHANNELS 64

typedef struct Request Request;
typedef void (*Handler)(Request *r);

/* Bits of Route.flags */
#define ROUTE_OPEN 1      /* no bearer token */
#define ROUTE_RETRY_KEY 2 /* X-Line-Retry-Key is understood */
#define ROUTE_SEND 4      /* logged, looks for faults itself */
#define ROUTE_CONTROL 8   /* the sandbox's own: no faults, no limits */
#define ROUTE_FORM 16     /* form-encoded body */
#define ROUTE_JSON 32     /* JSON body is required */

typedef struct Route
{
	const char *method;
	const char *path; /* {} stands for one component */
	const char *name; /* what faults and the summary call it */
	Handler handler;
	int flags;
	int rate;        /* requests */
	int rate_window; /* per this many ms */
} Route;

typedef enum FaultAct
{
	ACT_ANSWER,  /* this status and text instead of the true answer */
	ACT_HTML,    /* the same with a proxy's HTML page */
	ACT_SILENCE, /* no answer until the client hangs up */
	ACT_RESET,   /* connection reset without an answer */
	ACT_CUT,     /* half of the true answer */
	ACT_HUGE,    /* 2 MB instead of the true body */
	ACT_NOT_JSON,
	ACT_LENGTH, /* Content-Length shorter than what follows */
	ACT_DRIP,   /* one byte at a time */
	ACT_EARLY,  /* answer before the body is read */
	ACT_EMPTY,  /* 200 without a body */
	ACT_NO_HEADER,
	ACT_DELAY,
	ACT_NARROWCAST
} FaultAct;

typedef struct FaultKind
{
	const char *name;
	bool accepts; /* the request is handled first, then the answer is spoiled */
	FaultAct act;
	int status;
	const char *text;
} FaultKind;

/* The fault that hits a request, copied out of its rule. */
typedef struct Fault
{
	const FaultKind *kind; /* NULL: none */
	int status;
	int64_t ms;
	int index;
	bool details;
	int64_t delay_before;
	int64_t delay_after;
} Fault;

typedef struct Answer
{
	int status;
	const char *content_type;
	Buf body;
	const char *header_name;
	char header_value[256];
} Answer;

typedef enum Stage
{
	STAGE_READING,
	STAGE_DELAYED, /* delay before it is handled */
	STAGE_WAITING, /* handled, the answer is held back */
	STAGE_SILENT,
	STAGE_DRIP,
	STAGE_DEAD
} Stage;

struct Request
{
	struct MHD_Connection *connection;
	int fd;
	char *method;
	char *url;
	const Route *route;
	char *arg[2]; /* path components that {} stood for */
	Buf body;
	bool too_large;
	uint8_t id[16];
	char id_text[37];
	int channel; /* -1: none yet */
	Stage stage;
	bool fault_picked;
	Fault fault;
	Answer answer;
	size_t dripped;
	ssize_t (*stream)(Request *r, char *buf, size_t max); /* makes a long body piece by piece; 0: the end */
	size_t cursor[2];
};

/* server.c */
extern const char *request_header(Request *r, const char *name);
extern const char *request_query(Request *r, const char *name);
extern void request_handle(Request *r);

/* answer.c */
extern void answer_json(Request *r, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
extern void answer_object(Request *r, int status, json_t *object);
extern void answer_message(Request *r, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
extern void answer_not_found(Request *r);
extern void answer_header(Request *r, const char *name, const char *value);
extern json_t *request_json(Request *r, Buf *body);

/* transport.c */
extern enum MHD_Result transport_send(Request *r);
extern void transport_reset(Request *r);

/* timer.c */
extern void timer_start(void);
extern void timer_stop(void);
extern bool timer_suspend(Request *r, int64_t ms);
extern bool timer_suspend_silent(Request *r);

/* route.c */
extern const Route *route_find(const char *method, const char *url, char *arg[2]);
extern int route_number(const Route *route);
extern const Route *route_by_name(const char *name);
extern const Route *route_at(int number);

/* send.c, narrowcast.c, people.c, account.c, oauth.c, richmenu.c, control.c, report.c: handlers named in route.c */
extern void handle_send(Request *r);
extern void handle_validate(Request *r);
extern void handle_progress(Request *r);
extern void handle_profile(Request *r);
extern void handle_followers(Request *r);
extern void handle_group_summary(Request *r);
extern void handle_group_count(Request *r);
extern void handle_group_members(Request *r);
extern void handle_group_member(Request *r);
extern void handle_leave(Request *r);
extern void handle_link_token(Request *r);
extern void handle_info(Request *r);
extern void handle_quota(Request *r);
extern void handle_consumption(Request *r);
extern void handle_delivery_count(Request *r);
extern void handle_units(Request *r);
extern void handle_loading(Request *r);
extern void handle_mark_as_read(Request *r);
extern void handle_webhook_set(Request *r);
extern void handle_webhook_get(Request *r);
extern void handle_webhook_test(Request *r);
extern void handle_token(Request *r);
extern void handle_token_verify(Request *r);
extern void handle_token_revoke(Request *r);
extern void handle_token_kids(Request *r);
extern void handle_richmenu(Request *r);
extern void handle_control(Request *r);
extern void handle_report(Request *r);

/* webhooks.c */
extern int webhooks_main(int argc, char **argv);

#endif
