/*
 * clerk.c
 *		The process that reads what LINE sends: webhook events and the answers to our requests.
 *
 * Its work is short, because a reply token lives about a minute: what may take long belongs to the planner. Woken by the
 * commits of receive_webhook and by the sender when it recorded an answer; what it does is SQL, in functions that return
 * how much they did (turns.c).
 *
 *   _process_inbox_turn   events into friends, chats, tags, answers
 *   _complete_turn        answers of requests to the function named for their kind
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"
#include "worker/launcher.h"
#include "worker/turns.h"
#include "worker/worker.h"

/* An error's back-off needs somebody to come back; nothing else does. */
#define LOOK_MS (60 * 1000)

/*
 * Somebody calls process_inbox() by hand. He may roll back or be killed, and his commit wakes us before it releases the
 * lock that keeps us out: so no wake can be relied on.
 */
#define LOOK_AFTER_OTHERS_MS 100

void
linecrm_clerk_main(Datum main_arg)
{
	LcTurn turns[] = {{"_process_inbox_turn", "process the inbox"}, {"_complete_turn", "complete requests"}};
	int64 next = 0; /* by worker_clock() */

	worker_start(main_arg, LC_CLERK);
	for (;;)
	{
		if (worker_must_leave())
			worker_leave();
		if (worker_take_pending(LC_CLERK) || next <= worker_clock())
		{
			bool busy = turns_run(turns, lengthof(turns));

			next = worker_clock() + (busy ? 0 : LOOK_MS * INT64CONST(1000));
			for (int i = 0; i < lengthof(turns); i++)
				if (turns[i].failures > 0)
					next = Min(next, turns[i].not_before);
				else if (turns[i].left_to_others)
					next = Min(next, worker_clock() + LOOK_AFTER_OTHERS_MS * INT64CONST(1000));
		}
		worker_wait((long) (Max(next - worker_clock(), 0) / 1000));
	}
}
