/*
 * server.c
 *		HTTP: libmicrohttpd on epoll with a few threads, and the way of a request through the sandbox.
 *
 * A request is read, handled (route.c's handler, once), perhaps held back by a delay (timer.c), and answered
 *(transport.c). libmicrohttpd calls answer() again whenever a suspended request is resumed; Request.stage says where it
 *was. Calls that send take the state lock themselves (send.c); the short ones of the API are handled with the lock held
 *by this file.
 *
 * With one thread the loop is ours. libmicrohttpd's own takes 128 events at a time and, when it got exactly 128, waits
 * for more before it works on them (0.9.75, seen): a client with 128 requests open at the same time got no answer until
 * somebody else called.
 */
#include "server.h"
#include "fault.h"
#include "send.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>

static struct MHD_Daemon *server;
static pthread_t runner;
static volatile bool stopping;
static int resumed = -1; /* eventfd that ends the runner's wait; libmicrohttpd wakes only its own threads */

const char *
request_header(Request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const char *
request_query(Request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* Whose token is it? Needs the lock. */
static bool
authorize(Request *r)
{
	const char *header = request_header(r, "Authorization");
	uint32_t number;
	Token *t;

	if (!header || strncasecmp(header, "Bearer ", 7) != 0 || !header[7])
		return false;
	number = token_find(header + 7);
	if (number == NOT_FOUND)
	{
		r->channel = state.any_token ? 0 : -1;
		return state.any_token;
	}
	t = &state.tokens[number];
	if (t->revoked || (t->expires_ms && t->expires_ms <= now_ms()))
		return false;
	r->channel = t->channel;
	return true;
}

static bool
check_headers(Request *r)
{
	const char *type = request_header(r, "Content-Type");

	if (r->too_large)
	{
		answer_message(r, 413, "The request body is too large");
		return false;
	}
	if ((r->route->flags & ROUTE_JSON) && (!type || strncasecmp(type, "application/json", 16) != 0))
	{
		answer_message(r, 415, "The content type, %s, is not supported", type ? type : "(none)");
		return false;
	}
	if (!(r->route->flags & (ROUTE_RETRY_KEY | ROUTE_SEND | ROUTE_OPEN)) && request_header(r, "X-Line-Retry-Key"))
	{
		answer_message(r, 400, "The retry key is not supported for this endpoint");
		return false;
	}
	return true;
}

/* Calls that do not send: limit, fault, handler, under the lock. */
static void
handle_plain(Request *r)
{
	Channel *c = &state.channels[r->channel < 0 ? 0 : r->channel];
	FaultCase fc = {.route = r->route, .channel = c->name, .attempt = 1, .body = r->body.data, .body_len = r->body.len};
	const FaultKind *kind;

	if (!r->fault_picked)
	{
		r->fault_picked = true;
		if (!channel_take(c, route_number(r->route), r->route, now_ms()))
		{
			answer_message(r, 429, "The API rate limit has been exceeded. Try again later.");
			channel_count_status(c, route_number(r->route), 429);
			return;
		}
		fault_pick(&fc, &r->fault);
		if (r->fault.delay_before > 0)
		{
			r->stage = STAGE_DELAYED;
			return;
		}
	}
	kind = r->fault.kind;
	if (kind && !kind->accepts)
	{
		if (kind->act == ACT_ANSWER || kind->act == ACT_HTML)
			fault_answer(r, &r->fault, r->fault.index);
	}
	else if (check_headers(r))
		r->route->handler(r);
	channel_count_status(c, route_number(r->route), r->answer.status);
}

void
request_handle(Request *r)
{
	bool known;

	if (!r->route)
		answer_not_found(r);
	else if (r->route->flags & ROUTE_CONTROL)
		r->route->handler(r);
	else
	{
		state_lock();
		known = (r->route->flags & ROUTE_OPEN) || authorize(r);
		if (!known)
		{
			state.unauthorized++;
			answer_message(r, 401,
			               "Authentication failed due to the following reason: invalid token. Confirm that the access "
			               "token in the authorization header is valid.");
		}
		else if (!(r->route->flags & ROUTE_SEND))
			handle_plain(r);
		state_unlock();
		if (known && (r->route->flags & ROUTE_SEND) && check_headers(r))
			handle_send(r);
	}
	if (r->fault.kind && r->fault.kind->accepts && (r->fault.kind->act == ACT_ANSWER || r->fault.kind->act == ACT_HTML))
		fault_answer(r, &r->fault, r->fault.index);
}

/* The answer is ready; send it now, or as the fault says. */
static enum MHD_Result
deliver(Request *r)
{
	FaultAct act = r->fault.kind ? r->fault.kind->act : ACT_DELAY;

	if (act == ACT_SILENCE)
	{
		r->stage = STAGE_SILENT;
		return timer_suspend_silent(r) ? MHD_YES : MHD_NO;
	}
	if (act == ACT_RESET)
	{
		transport_reset(r);
		return MHD_NO;
	}
	return transport_send(r);
}

static enum MHD_Result
process(Request *r)
{
	int64_t wait;

	r->stage = STAGE_READING;
	request_handle(r);
	if (r->stage == STAGE_DELAYED)
		return timer_suspend(r, r->fault.delay_before) ? MHD_YES : MHD_NO;
	wait = r->fault.delay_after;
	if (r->route && !(r->route->flags & ROUTE_CONTROL))
		wait += options.latency_ms;
	if (wait > 0)
	{
		r->stage = STAGE_WAITING;
		return timer_suspend(r, wait) ? MHD_YES : MHD_NO;
	}
	return deliver(r);
}

static void
take_body(Request *r, const char *data, size_t size)
{
	size_t most = r->route && (r->route->flags & ROUTE_CONTROL) ? MAX_CONTROL_BODY : MAX_BODY;

	if (r->body.len + size > most)
		r->too_large = true;
	else
		buf_add(&r->body, data, size);
}

static Request *
begin(struct MHD_Connection *connection, const char *method, const char *url)
{
	Request *r = must_alloc(sizeof(Request));

	r->connection = connection;
	r->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	r->channel = -1;
	r->method = must_strdup(method);
	r->url = must_strdup(url);
	r->route = route_find(method, url, r->arg);
	uuid_random(r->id);
	uuid_text(r->id, r->id_text);
	return r;
}

/* An answer before the body was read: true: the fault has hit. */
static bool
early(Request *r)
{
	bool hit;

	if (!r->route || (r->route->flags & ROUTE_CONTROL))
		return false;
	state_lock();
	hit = ((r->route->flags & ROUTE_OPEN) || authorize(r)) && send_early(r);
	state_unlock();
	return hit;
}

static enum MHD_Result
answer(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
       const char *upload, size_t *upload_size, void **con_cls)
{
	Request *r = *con_cls;

	if (!r)
	{
		*con_cls = r = begin(connection, method, url);
		return early(r) ? transport_send(r) : MHD_YES;
	}
	if (*upload_size > 0)
	{
		take_body(r, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	switch (r->stage)
	{
		case STAGE_READING:
		case STAGE_DELAYED:
			return process(r);
		case STAGE_WAITING:
			return deliver(r);
		default:
			return MHD_NO;
	}
}

static void
completed(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode code)
{
	Request *r = *con_cls;

	if (!r)
		return;
	free(r->method);
	free(r->url);
	free(r->arg[0]);
	free(r->arg[1]);
	buf_free(&r->body);
	buf_free(&r->answer.body);
	free(r);
	*con_cls = NULL;
}

static char *
read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	Buf b = {0};
	char part[4096];
	size_t n;

	if (!f)
	{
		fprintf(stderr, "linecrm-sandbox: could not read \"%s\"\n", path);
		return NULL;
	}
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		buf_add(&b, part, n);
	buf_add(&b, "", 1);
	fclose(f);
	return b.data;
}

static void
wake_runner(void)
{
	if (resumed >= 0 && eventfd_write(resumed, 1) != 0)
		fprintf(stderr, "linecrm-sandbox: could not wake the server\n");
}

/* For the timer's thread. */
void
server_resume(struct MHD_Connection *connection)
{
	MHD_resume_connection(connection);
	wake_runner();
}

/* Waits on libmicrohttpd's epoll set from outside; inside MHD_run nothing blocks. */
static void *
run(void *arg)
{
	struct pollfd ready[] = {{MHD_get_daemon_info(server, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, POLLIN, 0},
	                         {resumed, POLLIN, 0}};

	while (!stopping)
	{
		MHD_UNSIGNED_LONG_LONG wait = 1000;
		eventfd_t count;

		if (MHD_get_timeout(server, &wait) != MHD_YES || wait > 1000)
			wait = 1000;
		poll(ready, 2, (int) wait);
		if (ready[1].revents != 0)
			eventfd_read(resumed, &count);
		MHD_run(server);
	}
	return NULL;
}

int
server_start(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) options.port)};
	unsigned flags = MHD_USE_EPOLL | MHD_USE_TURBO | MHD_USE_SUSPEND_RESUME;
	struct MHD_OptionItem more[8];
	const union MHD_DaemonInfo *info;
	int n = 0;

	if (inet_pton(AF_INET, options.listen, &address.sin_addr) != 1)
	{
		fprintf(stderr, "linecrm-sandbox: \"%s\" is not an IPv4 address\n", options.listen);
		return 0;
	}
	if (options.tls_cert)
	{
		char *cert = read_file(options.tls_cert), *key = read_file(options.tls_key ? options.tls_key : "");

		if (!cert || !key)
			return 0;
		flags |= MHD_USE_TLS;
		more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, cert};
		more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, key};
	}
	if (options.threads > 1)
	{
		flags |= MHD_USE_INTERNAL_POLLING_THREAD;
		more[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, options.threads, NULL};
	}
	more[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	signal(SIGPIPE, SIG_IGN);
	server = MHD_start_daemon(flags, (uint16_t) options.port, NULL, NULL, answer, NULL, MHD_OPTION_SOCK_ADDR, &address,
	                          MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
	                          (unsigned) options.max_connections, MHD_OPTION_LISTEN_BACKLOG_SIZE, 4096u,
	                          MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
	if (server && options.threads <= 1)
		resumed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!server || (options.threads <= 1 && pthread_create(&runner, NULL, run, NULL) != 0))
		return 0;
	info = MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT);
	return info ? info->port : 0;
}

/* The waiting are woken as dead first: libmicrohttpd must not stop with suspended connections. */
void
server_stop(void)
{
	timer_stop();
	stopping = true;
	wake_runner();
	if (options.threads <= 1)
	{
		pthread_join(runner, NULL);
		MHD_run(server);
	}
	MHD_stop_daemon(server);
}
