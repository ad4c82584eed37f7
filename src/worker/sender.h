/*
 * sender.h
 *		What sender.c and flight.c share: a request between its claim and its record.
 */
#ifndef LINECRM_SENDER_H
#define LINECRM_SENDER_H

#include "worker/outbox.h"

/* flight.c */
extern void flight_start(void);
extern void flight_launch(const LcClaim *claim);
extern void flight_land(void);
extern int flight_results(void);
extern int64 flight_first_result_at(void);
extern LcResult *flight_take_results(int max);
extern void flight_put_back(LcResult *results);
extern void flight_recorded(LcResult *results);
extern void flight_set_apart(LcResult *results);
extern int flight_apart(void);
extern LcResult *flight_take_apart(void);

#endif
