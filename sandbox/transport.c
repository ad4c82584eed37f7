/*
 * transport.c
 *		Sends an answer as it is, or spoils it on the way: cut, endless, dripping, with a wrong length, or not at all.
 *
 * Everything goes through libmicrohttpd, so that the spoiled answers work over TLS too; only a reset touches the
 *socket. Runs on a server thread, for a request that has been handled.
 */
#include "state.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HUGE_SIZE (2 * 1024 * 1024)

/* The next send of close() is a reset, and what was not sent is thrown away. */
void
transport_reset(Request *r)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	/* libmicrohttpd may shut the socket down in order before it closes it; disconnecting resets at once */
	connect(r->fd, &none, sizeof(none));
}

/* Half of the body, then the connection breaks although more was announced. */
static ssize_t
read_half(void *cls, uint64_t pos, char *buf, size_t max)
{
	Request *r = cls;
	size_t half = r->answer.body.len / 2, n;

	if (pos >= half)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = half - pos < max ? half - pos : max;
	memcpy(buf, r->answer.body.data + pos, n);
	return (ssize_t) n;
}

/* One byte, then a pause: the reader is called once to sleep and once to give. */
static ssize_t
read_drip(void *cls, uint64_t pos, char *buf, size_t max)
{
	Request *r = cls;

	if (pos >= r->answer.body.len || r->stage == STAGE_DEAD)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (r->dripped == pos)
	{
		r->dripped++;
		if (!timer_suspend(r, r->fault.ms ? r->fault.ms : 100))
			return MHD_CONTENT_READER_END_WITH_ERROR;
		return 0;
	}
	buf[0] = r->answer.body.data[pos];
	return 1;
}

/* A long report, made while it is read. */
static ssize_t
read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
	Request *r = cls;
	ssize_t n = r->stream(r, buf, max);

	return n > 0 ? n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void
replace_body(Request *r, const char *type)
{
	r->answer.content_type = type;
	r->answer.body.len = 0;
}

/* What the fault does to the answer itself. */
static void
spoil(Request *r)
{
	FaultAct act = r->fault.kind->act;
	int status = r->fault.status;

	if (act == ACT_HUGE)
	{
		replace_body(r, "application/json");
		buf_str(&r->answer.body, "{\"message\":\"");
		while (r->answer.body.len < HUGE_SIZE)
			buf_str(&r->answer.body, "All work and no play makes Jack a dull boy. ");
		buf_str(&r->answer.body, "\"}");
	}
	else if (act == ACT_NOT_JSON)
	{
		replace_body(r, "text/plain");
		buf_str(&r->answer.body, "{\"sentMessages\":[{\"id\":\"46\xff\xfe this is no JSON");
	}
	else if (act == ACT_EMPTY)
	{
		replace_body(r, "application/json");
		r->answer.status = status ? status : 200;
	}
	else if (act == ACT_NO_HEADER)
	{
		answer_message(r, 409, "%s", r->fault.kind->text);
		r->answer.header_name = NULL;
	}
}

/*
 * More bytes follow than were announced. libmicrohttpd would not do that, so it is written to the socket by hand (over
 * TLS, where that is not possible, the answer is cut instead), and the connection is closed.
 */
static enum MHD_Result
send_wrong_length(Request *r)
{
	Buf out = {0};

	buf_printf(
	    &out,
	    "HTTP/1.1 %d OK\r\nX-Line-Request-Id: %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	    r->answer.status, r->id_text, r->answer.body.len / 2);
	buf_add(&out, r->answer.body.data, r->answer.body.len);
	if (send(r->fd, out.data, out.len, MSG_NOSIGNAL) < 0)
		transport_reset(r);
	buf_free(&out);
	return MHD_NO;
}

static struct MHD_Response *
make_response(Request *r)
{
	FaultAct act = r->fault.kind ? r->fault.kind->act : ACT_DELAY;
	Buf *body = &r->answer.body;

	if (r->stream)
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1 << 18, read_stream, r, NULL);
	if (act == ACT_CUT || act == ACT_LENGTH)
		return MHD_create_response_from_callback(body->len, 1024, read_half, r, NULL);
	if (act == ACT_DRIP)
		return MHD_create_response_from_callback(body->len, 1024, read_drip, r, NULL);
	return MHD_create_response_from_buffer(body->len, body->data ? body->data : "", MHD_RESPMEM_MUST_COPY);
}

enum MHD_Result
transport_send(Request *r)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	if (r->fault.kind && r->fault.kind->accepts)
		spoil(r);
	if (r->fault.kind && r->fault.kind->act == ACT_LENGTH && !options.tls_cert)
		return send_wrong_length(r);
	response = make_response(r);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "X-Line-Request-Id", r->id_text);
	MHD_add_response_header(response, "Content-Type",
	                        r->answer.content_type ? r->answer.content_type : "application/json");
	if (r->answer.header_name)
		MHD_add_response_header(response, r->answer.header_name, r->answer.header_value);
	result = MHD_queue_response(r->connection, (unsigned) r->answer.status, response);
	MHD_destroy_response(response);
	return result;
}
