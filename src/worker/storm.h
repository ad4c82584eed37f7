/*
 * storm.h
 *		The breakers: what stops a channel that would say the same thing to the same person again and again.
 */
#ifndef LINECRM_STORM_H
#define LINECRM_STORM_H

#include "worker/outbox.h"

#define LC_STORM_MAX 8 /* of linecrm.storm_limit */

extern void storm_start(void);
extern bool storm_trips(const LcClaim *claim, int64 friend_id, Datum recipients, bool many, TimestampTz now);
extern void storm_settle(bool committed);
extern void storm_taken_back(const LcClaim *claim);

#endif
