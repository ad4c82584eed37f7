/*
 * http.c
 *		The sender's pool of HTTP transfers: libcurl's multi interface inside PostgreSQL's way of waiting.
 *
 * PostgreSQL's wait event set cannot forget a socket, and curl opens and closes them all the time. So curl's sockets live
 * in a private epoll set, and that set's file descriptor is the one socket of a wait event set made once, beside the
 * latch and the postmaster's death. Time-outs are the wait's time-out.
 *
 * Rules that hold the two worlds apart:
 * - Callbacks given to curl return codes. They never ereport, palloc or longjmp through curl's frames; all memory here
 *   is malloc'ed, and only what is reported to the caller leaves.
 * - All signals are blocked while curl runs: it starts a thread per name look-up, and a thread inherits its creator's
 *   mask. A handler of ours must not run there.
 * - curl is initialised here, in the process that uses it, and never in the postmaster.
 *
 * HTTP/1.1 with kept connections, not h2: Debian 12's libcurl lost requests over h2 and repeats a POST by itself on
 * REFUSED_STREAM. No redirect is followed (it would carry the token along), no proxy of the environment is used, and
 * http:// only works while linecrm.allow_http says so, whatever the base URL says.
 *
 * http_start may throw, and http_wait does what every wait does (exit when the postmaster is dead). All else returns.
 */
#include "postgres.h"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "compat.h"
#include "guc.h"
#include "line/request_kind.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "worker/http.h"
#include "worker/worker.h"

#define ANSWER_START 65536
#define ANSWER_LIMIT (16 * 1024 * 1024)
#define OTHER_FILES 256 /* descriptors that PostgreSQL itself may want */

typedef struct LcTransferParts
{
	CURL *easy;
	struct curl_slist *headers;
	size_t answer_room;
	size_t body_read;
	char error[CURL_ERROR_SIZE];
} LcTransferParts;

static CURLM *multi = NULL;
static int sockets = -1; /* the private epoll set */
static WaitEventSet *wait_set = NULL;
static int in_flight = 0;
static int64 timer_at = 0; /* when curl wants to be called, by worker_clock(); 0: not */
static LcTransfer *idle_transfers = NULL;
static LcTransfer *finished = NULL;
static LcTransfer **finished_end = &finished;
static sigset_t saved_mask;

static void block_signals(void);
static void raise_file_limit(void);
static void unblock_signals(void);
static bool prepare(LcTransfer *transfer);
static bool set_options(LcTransfer *transfer);
static bool set_body(LcTransfer *transfer);
static bool set_security(CURL *easy);
static bool set_headers(LcTransfer *transfer);
static bool add_header(LcTransferParts *parts, const char *name, const char *value);
static void drive(bool readable);
static void collect(void);
static void finish(LcTransfer *transfer, CURLcode code);
static size_t on_read(char *out, size_t size, size_t count, void *arg);
static size_t on_body(char *bytes, size_t size, size_t count, void *arg);
static size_t on_header(char *bytes, size_t size, size_t count, void *arg);
static void leave_connection(LcTransfer *transfer, const char *line, size_t size);
static void keep_header(const char *line, size_t size, const char *name, char *out);
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg);
static int on_timer(CURLM *m, long timeout_ms, void *arg);

/* Once in the life of the process. */
void
http_start(void)
{
	raise_file_limit();
	block_signals();
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		multi = curl_multi_init();
	unblock_signals();
	sockets = epoll_create1(EPOLL_CLOEXEC);
	if (multi == NULL || sockets < 0)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("linecrm's sender could not start its HTTP client: %m")));
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) http_capacity());
	wait_set = LC_CREATE_WAIT_EVENT_SET(3);
	AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(wait_set, WL_SOCKET_READABLE, sockets, NULL, NULL);
}

/* The soft limit, often 1,024, would cap linecrm.max_in_flight; this process alone takes what the hard one allows. */
static void
raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max)
	{
		files.rlim_cur = files.rlim_max;
		(void) setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* How many transfers there may be at the same time: the setting, within what the process may open. */
int
http_capacity(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
		return lc_max_in_flight;
	return Max(1, Min(lc_max_in_flight, (int) Min(files.rlim_cur, 1 << 20) - OTHER_FILES));
}

int
http_in_flight(void)
{
	return in_flight;
}

/* A transfer to fill in, with an empty body; NULL when there is no memory. */
LcTransfer *
http_acquire(void)
{
	LcTransfer *transfer = idle_transfers;

	if (transfer != NULL)
		idle_transfers = transfer->next;
	else
	{
		transfer = calloc(1, sizeof(LcTransfer));
		if (transfer == NULL)
			return NULL;
		transfer->parts = calloc(1, sizeof(LcTransferParts));
		if (transfer->parts == NULL)
		{
			free(transfer);
			return NULL;
		}
		lc_buffer_init(&transfer->body, LC_BODY_MAX);
	}
	transfer->method = transfer->url = NULL;
	transfer->bearer = transfer->content_type = transfer->retry_key = NULL;
	transfer->owner = NULL;
	transfer->next = NULL;
	lc_buffer_reset(&transfer->body);
	return transfer;
}

/* Starts a transfer. False: nothing was sent, no memory; the caller still holds the transfer. */
bool
http_launch(LcTransfer *transfer)
{
	bool launched;

	block_signals();
	launched = prepare(transfer) && curl_multi_add_handle(multi, transfer->parts->easy) == CURLM_OK;
	unblock_signals();
	if (launched)
		in_flight++;
	return launched;
}

/* Takes a transfer back: one that has ended, or one that was never launched. The connection stays open for others. */
void
http_release(LcTransfer *transfer)
{
	curl_slist_free_all(transfer->parts->headers);
	transfer->parts->headers = NULL;
	if (transfer->parts->answer_room > ANSWER_START)
	{
		free(transfer->answer);
		transfer->answer = NULL;
		transfer->parts->answer_room = 0;
	}
	transfer->next = idle_transfers;
	idle_transfers = transfer;
}

/*
 * Waits for the latch, the sockets or the time-out and lets curl do what is due. Ends early when transfers finished.
 * Resets the latch; what it was set for is the caller's to look at, as are interrupts.
 */
void
http_wait(long timeout_ms)
{
	WaitEvent events[3];
	bool readable = false;
	int count;

	if (finished != NULL)
		timeout_ms = 0;
	if (timer_at != 0)
		timeout_ms = Min(timeout_ms, (long) (Max(timer_at - worker_clock() + 999, 0) / 1000));
	count = WaitEventSetWait(wait_set, Max(timeout_ms, 0L), events, lengthof(events), PG_WAIT_EXTENSION);
	for (int i = 0; i < count; i++)
	{
		if (events[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
		if (events[i].events & WL_SOCKET_READABLE)
			readable = true;
	}
	drive(readable);
}

/* The next transfer that has ended, or NULL. The caller releases it. */
LcTransfer *
http_next_finished(void)
{
	LcTransfer *transfer = finished;

	if (transfer == NULL)
		return NULL;
	finished = transfer->next;
	if (finished == NULL)
		finished_end = &finished;
	transfer->next = NULL;
	return transfer;
}

static void
block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &saved_mask);
}

static void
unblock_signals(void)
{
	sigprocmask(SIG_SETMASK, &saved_mask, NULL);
}

static bool
prepare(LcTransfer *transfer)
{
	LcTransferParts *parts = transfer->parts;
	size_t room = Min(Max(transfer->answer_max, (size_t) ANSWER_START), (size_t) ANSWER_LIMIT);

	if (parts->easy == NULL)
		parts->easy = curl_easy_init();
	else
		curl_easy_reset(parts->easy);
	if (parts->answer_room < room)
	{
		free(transfer->answer);
		transfer->answer = malloc(room);
		parts->answer_room = transfer->answer == NULL ? 0 : room;
	}
	transfer->answer_size = 0;
	transfer->truncated = false;
	transfer->request_id[0] = transfer->accepted_request_id[0] = '\0';
	parts->error[0] = '\0';
	if (parts->easy == NULL || transfer->answer == NULL)
		return false;
	return set_options(transfer) && set_security(parts->easy) && set_headers(transfer);
}

#define SET(option, value) (fine = fine && curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool
set_options(LcTransfer *transfer)
{
	CURL *easy = transfer->parts->easy;
	bool fine = true;

	SET(CURLOPT_URL, transfer->url);
	if (transfer->body.size > 0 || strcmp(transfer->method, "POST") == 0)
		fine = set_body(transfer);
	SET(CURLOPT_CUSTOMREQUEST, transfer->method);
	SET(CURLOPT_TIMEOUT_MS, (long) lc_request_timeout);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long) lc_connect_timeout);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, transfer);
	SET(CURLOPT_ERRORBUFFER, transfer->parts->error);
	SET(CURLOPT_PRIVATE, transfer);
	SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_MAXAGE_CONN, 60L); /* LINE closes idle connections; a request into a closing one ends in doubt */
	SET(CURLOPT_USERAGENT, "linecrm/" LINECRM_VERSION);
	return fine;
}

/*
 * Where a kept connection dies before the first byte of an answer, curl sends a body that it can rewind once more by
 * itself. With a retry key that is welcome; without one it would be a second reply. So such a body comes through a read
 * function that cannot seek: curl then ends with CURLE_SEND_FAIL_REWIND, which is "perhaps sent".
 */
static bool
set_body(LcTransfer *transfer)
{
	CURL *easy = transfer->parts->easy;
	bool fine = true;

	transfer->parts->body_read = 0;
	SET(CURLOPT_POST, 1L);
	if (transfer->only_once)
	{
		SET(CURLOPT_READFUNCTION, on_read);
		SET(CURLOPT_READDATA, transfer);
	}
	else
		SET(CURLOPT_POSTFIELDS, transfer->body.size > 0 ? transfer->body.data : "");
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) transfer->body.size);
	return fine;
}

/* Where the request may go, and whom it may believe. */
static bool
set_security(CURL *easy)
{
	bool fine = true;

	SET(CURLOPT_PROTOCOLS_STR, lc_allow_http ? "http,https" : "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (lc_ca_file[0] != '\0')
		SET(CURLOPT_CAINFO, lc_ca_file);
#undef SET
	return fine;
}

static bool
set_headers(LcTransfer *transfer)
{
	LcTransferParts *parts = transfer->parts;
	bool fine = add_header(parts, "Expect", NULL);

	if (transfer->bearer != NULL)
	{
		char value[8192];

		fine = fine && snprintf(value, sizeof(value), "Bearer %s", transfer->bearer) < (int) sizeof(value) &&
			   add_header(parts, "Authorization", value);
		explicit_bzero(value, sizeof(value));
	}
	fine = fine && add_header(parts, "Content-Type", transfer->content_type);
	if (transfer->retry_key != NULL)
		fine = fine && add_header(parts, "X-Line-Retry-Key", transfer->retry_key);
	return fine && curl_easy_setopt(parts->easy, CURLOPT_HTTPHEADER, parts->headers) == CURLE_OK;
}

/* With a NULL value: the header is not sent, whatever curl would make of the request. */
static bool
add_header(LcTransferParts *parts, const char *name, const char *value)
{
	char line[8300];
	struct curl_slist *longer = NULL;

	if (snprintf(line, sizeof(line), "%s:%s%s", name, value ? " " : "", value ? value : "") < (int) sizeof(line) &&
		strpbrk(line, "\r\n") == NULL)
		longer = curl_slist_append(parts->headers, line);
	explicit_bzero(line, sizeof(line));
	if (longer == NULL)
		return false;
	parts->headers = longer;
	return true;
}

/* Tells curl which sockets are ready and what time it is; moves what has ended to the finished list. */
static void
drive(bool readable)
{
	struct epoll_event events[64];
	int running;
	int count;

	block_signals();
	do
	{
		count = readable ? epoll_wait(sockets, events, lengthof(events), 0) : 0;
		for (int i = 0; i < count; i++)
		{
			int what = ((events[i].events & EPOLLIN) ? CURL_CSELECT_IN : 0) |
					   ((events[i].events & EPOLLOUT) ? CURL_CSELECT_OUT : 0) |
					   ((events[i].events & (EPOLLERR | EPOLLHUP)) ? CURL_CSELECT_ERR : 0);

			curl_multi_socket_action(multi, events[i].data.fd, what, &running);
		}
	} while (count == lengthof(events));
	if (timer_at != 0 && worker_clock() >= timer_at)
	{
		timer_at = 0;
		curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	collect();
	unblock_signals();
}

static void
collect(void)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		LcTransfer *transfer = NULL;
		CURL *easy = message->easy_handle;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
		finish(transfer, code);
		curl_multi_remove_handle(multi, easy);
		in_flight--;
		*finished_end = transfer;
		finished_end = &transfer->next;
	}
}

static void
finish(LcTransfer *transfer, CURLcode code)
{
	CURL *easy = transfer->parts->easy;
	long status = 0;
	long request_size = 0;
	curl_off_t connected = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_size);
	curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	transfer->curl_code = code;
	transfer->status = (int) status;
	transfer->may_have_sent = request_size > 0 || connected > 0;
	transfer->next = NULL;
	strlcpy(transfer->error, transfer->parts->error[0] ? transfer->parts->error : curl_easy_strerror(code),
			sizeof(transfer->error));
	if (code == CURLE_OK)
		transfer->error[0] = '\0';
}

static size_t
on_read(char *out, size_t size, size_t count, void *arg)
{
	LcTransfer *transfer = arg;
	size_t room = size * count;
	size_t left = transfer->body.size - transfer->parts->body_read;
	size_t given = left < room ? left : room;

	memcpy(out, transfer->body.data + transfer->parts->body_read, given);
	transfer->parts->body_read += given;
	return given;
}

/* Keeps what there is room for and reads on, so that the connection can be used again. */
static size_t
on_body(char *bytes, size_t size, size_t count, void *arg)
{
	LcTransfer *transfer = arg;
	size_t length = size * count;
	size_t room = transfer->parts->answer_room - transfer->answer_size;

	if (length > room)
		transfer->truncated = true;
	memcpy(transfer->answer + transfer->answer_size, bytes, Min(length, room));
	transfer->answer_size += Min(length, room);
	return length;
}

static size_t
on_header(char *bytes, size_t size, size_t count, void *arg)
{
	LcTransfer *transfer = arg;

	leave_connection(transfer, bytes, size * count);
	keep_header(bytes, size * count, "x-line-request-id:", transfer->request_id);
	keep_header(bytes, size * count, "x-line-accepted-request-id:", transfer->accepted_request_id);
	return size * count;
}

/*
 * An answer that may be a front server's own does not prove that the request behind it is done with: its real answer may
 * follow on the same connection, and would be taken for that of the next request. So that connection carries no other.
 */
static void
leave_connection(LcTransfer *transfer, const char *line, size_t size)
{
	const char *blank = size > 5 && memcmp(line, "HTTP/", 5) == 0 ? memchr(line, ' ', size) : NULL;
	size_t at = blank == NULL ? size : (size_t) (blank - line) + 1;
	int status = 0;

	for (; at < size && line[at] >= '0' && line[at] <= '9' && status < 1000; at++)
		status = status * 10 + (line[at] - '0');
	if (status == 400 || status == 408 || (status >= 300 && status < 400) || status >= 500)
		(void) curl_easy_setopt(transfer->parts->easy, CURLOPT_FORBID_REUSE, 1L);
}

/* Copies the value of a header of that name (any case) without its blanks; printable ASCII only, cut to fit. */
static void
keep_header(const char *line, size_t size, const char *name, char *out)
{
	size_t at = strlen(name);
	size_t length = 0;

	if (size < at || pg_strncasecmp(line, name, at) != 0)
		return;
	while (at < size && (line[at] == ' ' || line[at] == '\t'))
		at++;
	for (; at < size && length < LC_HTTP_ID_SIZE - 1 && line[at] > ' ' && line[at] < 0x7f; at++)
		out[length++] = line[at];
	out[length] = '\0';
}

/* curl says what it wants to know of a socket; the epoll set is made to match. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct epoll_event event = {0};

	if (what == CURL_POLL_REMOVE)
	{
		epoll_ctl(sockets, EPOLL_CTL_DEL, fd, &event);
		return 0;
	}
	event.data.fd = fd;
	event.events = ((what & CURL_POLL_IN) ? EPOLLIN : 0) | ((what & CURL_POLL_OUT) ? EPOLLOUT : 0);
	if (epoll_ctl(sockets, EPOLL_CTL_MOD, fd, &event) != 0 && epoll_ctl(sockets, EPOLL_CTL_ADD, fd, &event) != 0)
		return -1;
	return 0;
}

static int
on_timer(CURLM *m, long timeout_ms, void *arg)
{
	timer_at = timeout_ms < 0 ? 0 : worker_clock() + timeout_ms * INT64CONST(1000);
	return 0;
}
