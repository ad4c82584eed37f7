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

/* From 16 on the macros of variable-length values have a header of their own. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* The local transaction of this process. */
#if PG_VERSION_NUM >= 170000
#define LC_MY_LOCAL_XID MyProc->vxid.lxid
#else
#define LC_MY_LOCAL_XID MyProc->lxid
#endif

/* A lexer of its own for a JSON text; the caller includes common/jsonapi.h. */
#if PG_VERSION_NUM >= 170000
#define LC_JSON_LEXER(text, length, escapes) makeJsonLexContextCstringLen(NULL, text, length, PG_UTF8, escapes)
#else
#define LC_JSON_LEXER(text, length, escapes) makeJsonLexContextCstringLen(text, length, PG_UTF8, escapes)
#endif

/* Runs a started query to its end; the caller includes executor/executor.h. */
#if PG_VERSION_NUM >= 180000
#define LC_EXECUTOR_RUN(query) ExecutorRun(query, ForwardScanDirection, 0)
#else
#define LC_EXECUTOR_RUN(query) ExecutorRun(query, ForwardScanDirection, 0, true)
#endif

/* random() without arguments, since 17 has others beside it; the caller includes utils/fmgroids.h. */
#if PG_VERSION_NUM >= 170000
#define LC_F_RANDOM F_RANDOM_
#else
#define LC_F_RANDOM F_RANDOM
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

/* From 16 on the parser of dates tells more about what is wrong; the caller includes utils/datetime.h. */
#if PG_VERSION_NUM >= 160000
#define LcDateTimeProblem DateTimeErrorExtra
#define LC_DECODE_DATETIME(field, type, fields, kind, time, fraction, offset, problem) \
	DecodeDateTime(field, type, fields, kind, time, fraction, offset, problem)
#define LC_DATETIME_PARSE_ERROR(code, problem, text, type) DateTimeParseError(code, problem, text, type, NULL)
#else
#define LcDateTimeProblem int
#define LC_DECODE_DATETIME(field, type, fields, kind, time, fraction, offset, problem) \
	DecodeDateTime(field, type, fields, kind, time, fraction, offset)
#define LC_DATETIME_PARSE_ERROR(code, problem, text, type) ((void) (problem), DateTimeParseError(code, text, type))
#endif

#endif
