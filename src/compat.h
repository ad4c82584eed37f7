/*
 * compat.h
 *		The one place that knows PostgreSQL's versions. 15 is the floor.
 *
 * Every other file writes for the newest spelling and finds it here for older servers.
 */
#ifndef LINECRM_COMPAT_H
#define LINECRM_COMPAT_H

#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM < 150000
#error "linecrm needs PostgreSQL 15 or newer"
#endif

/* The number under which another process finds this one, and the latch of a process with that number. */
#if PG_VERSION_NUM >= 170000
#define LC_MY_PROC_NUMBER MyProcNumber
#else
#define LC_MY_PROC_NUMBER MyProc->pgprocno
#endif
#define LC_PROC_LATCH(number) (&ProcGlobal->allProcs[number].procLatch)

/* From 17 on a wait event set belongs to a resource owner. */
#if PG_VERSION_NUM >= 170000
#define LC_CREATE_WAIT_EVENT_SET(events) CreateWaitEventSet(NULL, events)
#else
#define LC_CREATE_WAIT_EVENT_SET(events) CreateWaitEventSet(TopMemoryContext, events)
#endif

#endif
