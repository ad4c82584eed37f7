/*
 * planner.c
 *		The process for what may take long: segments of scheduled deliveries run here, as their authors, behind the gate.
 *
 * Woken by commits that schedule something, by the sender when requests ended, and by the clock: _next_due() says when
 * the next delivery falls due. Once a minute it does the house-work even when nobody called. What it does is SQL, in
 * functions that return how much they did (turns.c).
 *
 *   _plan_due_turn     scheduled deliveries that fell due become requests
 *   _merge_tags_turn   what was appended to tag sets is merged; expired tags go
 *   _finish_turn       campaigns whose last request ended are closed
 *   _limits_turn       channels that LINE's monthly limit holds
 *   _lost_checks_turn  deliveries that wait for LINE's word about their contents and will not get it
 *   _rotate_turn       slots of the outbox ring are emptied
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"
#include "worker/launcher.h"
#include "worker/turns.h"
#include "worker/worker.h"

#define HOUSEWORK_MS (60 * 1000)
/* The sender wakes the planner with each batch of outcomes; it need not look at each of them. */
#define SHORTEST_PAUSE_MS 250

void
linecrm_planner_main(Datum main_arg)
{
	LcTurn turns[] = {{"_plan_due_turn", "plan deliveries"},
					  {"_merge_tags_turn", "merge tags"},
					  {"_finish_turn", "close deliveries"},
					  {"_limits_turn", "look after channels at their limit"},
					  {"_lost_checks_turn", "look for contents that were not checked"},
					  {"_rotate_turn", "rotate the outbox"}};
	int64 next = 0;		/* when to look at the latest, by worker_clock() */
	int64 earliest = 0; /* the pause after the last look */

	worker_start(main_arg, LC_PLANNER);
	for (;;)
	{
		if (worker_must_leave())
			worker_leave();
		if (worker_take_pending(LC_PLANNER))
			next = Min(next, earliest);
		if (next <= worker_clock())
		{
			bool busy = turns_run(turns, lengthof(turns));
			int64 now = worker_clock();

			next = Min(now + HOUSEWORK_MS * INT64CONST(1000), turns_ask_time("_next_due"));
			for (int i = 0; i < lengthof(turns); i++)
				if (turns[i].failures > 0)
					next = Min(next, turns[i].not_before);
			/* What is due and was not done, because it failed, has a back-off of its own. */
			earliest = now + SHORTEST_PAUSE_MS * INT64CONST(1000);
			next = busy ? now : Max(next, earliest);
		}
		worker_wait((long) (Max(next - worker_clock(), 0) / 1000));
	}
}
