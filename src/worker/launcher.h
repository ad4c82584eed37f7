/*
 * launcher.h
 *		The entry points of linecrm's processes, by the names that the postmaster looks up.
 */
#ifndef LINECRM_LAUNCHER_H
#define LINECRM_LAUNCHER_H

#include "worker/shmem.h"

extern void launcher_init(void);

extern PGDLLEXPORT void linecrm_launcher_main(Datum main_arg);
extern PGDLLEXPORT void linecrm_prober_main(Datum main_arg);
extern PGDLLEXPORT void linecrm_sender_main(Datum main_arg);
extern PGDLLEXPORT void linecrm_clerk_main(Datum main_arg);
extern PGDLLEXPORT void linecrm_planner_main(Datum main_arg);

#endif
