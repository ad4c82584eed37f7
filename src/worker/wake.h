/*
 * wake.h
 *		Waking the workers when a transaction commits.
 */
#ifndef LINECRM_WAKE_H
#define LINECRM_WAKE_H

#include "worker/shmem.h"

#define LC_WAKE_SENDER (1 << LC_SENDER)
#define LC_WAKE_CLERK (1 << LC_CLERK)
#define LC_WAKE_PLANNER (1 << LC_PLANNER)
#define LC_WAKE_LAUNCHER (1 << LC_ROLES)
#define LC_WAKE_ATTENTION (1 << (LC_ROLES + 1)) /* the sender is to look after holds and cancellations */

extern void wake_init(void);
extern void wake_at_commit(int mask);
extern void wake_role(LcDatabaseSlot *slot, LcRole role);
extern void wake_launcher(void);

#endif
