/*
 * timer.c
 *		Requests that wait: for a delay, for simulated latency, for the next byte of a slow answer, or for the client to
 *give up.
 *
 * A waiting request is suspended in libmicrohttpd and costs no thread. One thread of this file resumes them when they
 *are due (a binary heap), and looks every 100 ms whether clients of silent requests have hung up. Suspending and
 *entering the list happen under one lock, so that nobody is resumed before he sleeps. At the end everybody is woken as
 *dead.
 */
#include "server.h"
#include "sandbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

typedef struct Waiting
{
	int64_t due;
	Request *r;
} Waiting;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake;
static pthread_t thread;
static Waiting *heap;
static size_t heap_count, heap_room;
static Request **silent;
static size_t silent_count, silent_room;
static bool stopping;

static int64_t
monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
heap_push(int64_t due, Request *r)
{
	size_t i = heap_count++;

	if (heap_count > heap_room)
	{
		heap_room = heap_room ? heap_room * 2 : 1024;
		heap = must_realloc(heap, heap_room * sizeof(Waiting));
	}
	while (i > 0 && heap[(i - 1) / 2].due > due)
	{
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = (Waiting){due, r};
}

static Request *
heap_pop(void)
{
	Request *first = heap[0].r;
	Waiting last = heap[--heap_count];
	size_t i = 0;

	for (;;)
	{
		size_t child = 2 * i + 1;

		if (child >= heap_count)
			break;
		if (child + 1 < heap_count && heap[child + 1].due < heap[child].due)
			child++;
		if (heap[child].due >= last.due)
			break;
		heap[i] = heap[child];
		i = child;
	}
	if (heap_count > 0)
		heap[i] = last;
	return first;
}

bool
timer_suspend(Request *r, int64_t ms)
{
	int64_t due = monotonic_us() + ms * 1000;
	bool ok;

	pthread_mutex_lock(&lock);
	ok = !stopping;
	if (ok)
	{
		MHD_suspend_connection(r->connection);
		heap_push(due, r);
		if (heap[0].r == r)
			pthread_cond_signal(&wake);
	}
	pthread_mutex_unlock(&lock);
	return ok;
}

bool
timer_suspend_silent(Request *r)
{
	bool ok;

	pthread_mutex_lock(&lock);
	ok = !stopping;
	if (ok)
	{
		MHD_suspend_connection(r->connection);
		if (silent_count == silent_room)
		{
			silent_room = silent_room ? silent_room * 2 : 64;
			silent = must_realloc(silent, silent_room * sizeof(Request *));
		}
		silent[silent_count++] = r;
		pthread_cond_signal(&wake);
	}
	pthread_mutex_unlock(&lock);
	return ok;
}

static void
release_hung_up(void)
{
	for (size_t i = 0; i < silent_count;)
	{
		char byte;
		ssize_t n = recv(silent[i]->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		{
			silent[i]->stage = STAGE_DEAD;
			server_resume(silent[i]->connection);
			silent[i] = silent[--silent_count];
		}
		else
			i++;
	}
}

static void
release_all(void)
{
	while (heap_count > 0)
	{
		Request *r = heap_pop();

		r->stage = STAGE_DEAD;
		server_resume(r->connection);
	}
	while (silent_count > 0)
	{
		silent[--silent_count]->stage = STAGE_DEAD;
		server_resume(silent[silent_count]->connection);
	}
}

static void *
timer_main(void *unused)
{
	pthread_mutex_lock(&lock);
	while (!stopping)
	{
		int64_t now = monotonic_us(), until = now + 60 * 1000000;
		struct timespec ts;

		while (heap_count > 0 && heap[0].due <= now)
			server_resume(heap_pop()->connection);
		release_hung_up();
		if (heap_count > 0 && heap[0].due < until)
			until = heap[0].due;
		if (silent_count > 0 && now + 100000 < until)
			until = now + 100000;
		ts.tv_sec = until / 1000000;
		ts.tv_nsec = until % 1000000 * 1000;
		pthread_cond_timedwait(&wake, &lock, &ts);
	}
	release_all();
	pthread_mutex_unlock(&lock);
	return NULL;
}

void
timer_start(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&wake, &attr);
	pthread_create(&thread, NULL, timer_main, NULL);
}

void
timer_stop(void)
{
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_signal(&wake);
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
}
