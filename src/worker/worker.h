/*
 * worker.h
 *		What sender, clerk and planner have in common: start, transactions, look-ups, waiting, end.
 */
#ifndef LINECRM_WORKER_H
#define LINECRM_WORKER_H

#include "worker/shmem.h"

/* Of the process that runs as a worker; NULL elsewhere. */
extern LcDatabaseSlot *my_database_slot;
extern LcWorkerSlot *my_worker;

/* A piece of work inside a transaction with SPI connected. */
typedef void (*LcStep)(void *arg);

extern void worker_start(Datum main_arg, LcRole role);
extern bool worker_transaction(const char *what, LcStep step, void *arg);
extern bool worker_must_leave(void);
extern _Noreturn void worker_leave(void);
extern bool worker_take_pending(LcRole role);
extern void worker_wait(long timeout_ms);
extern void worker_check_interrupts(void);
extern int64 worker_clock(void);
extern void worker_reload(void);

#endif
