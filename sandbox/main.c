/*
 * main.c
 *		linecrm-sandbox: a local stand-in for the LINE Messaging API, with faults on demand.
 *
 * LINE offers no test environment and forbids load tests. Whoever develops a CRM needs a server that answers by LINE's
 *rules, can be told to fail in every way a network and a platform fail, and afterwards knows exactly who was promised
 *what. It is made from the vendor's published API description alone, so that a client tested against it is not tested
 *against its own author's misunderstandings.
 *
 * The map: server.c (HTTP) -> route.c (which endpoint) -> send_read.c, check.c, send.c (the calls that send), people.c,
 * account.c, oauth.c, richmenu.c, narrowcast.c -> log.c (the record) -> transport.c, timer.c (answers, spoiled or
 *late). fault.c decides what goes wrong, state.c and channels.c remember, control.c and report.c are the interface for
 *tests, replay.c restores the memory from the log after a kill. webhooks.c is the other direction: signed webhooks.
 */
#include "options.h"
#include "server.h"
#include "state.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur != RLIM_INFINITY && (rlim_t) options.max_connections + 64 > limit.rlim_cur)
		options.max_connections = (int) limit.rlim_cur - 64;
}

int
main(int argc, char **argv)
{
	sigset_t signals;
	int port, got;

	if (argc > 1 && strcmp(argv[1], "webhooks") == 0)
		return webhooks_main(argc - 1, argv + 1);
	state_init();
	if (!options_read(argc, argv))
		return 2;
	raise_file_limit();
	/* blocked before any thread starts, so that only sigwait() below sees them */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (!log_replay() || !log_open())
		return 1;
	timer_start();
	port = server_start();
	if (port == 0)
	{
		fprintf(stderr, "linecrm-sandbox: could not listen on %s port %d\n", options.listen, options.port);
		return 1;
	}
	printf("linecrm-sandbox ready on %s://%s:%d\n", options.tls_cert ? "https" : "http", options.listen, port);
	fflush(stdout);
	sigwait(&signals, &got);
	server_stop();
	return 0;
}
