/*
 * inbox_store.h
 *		Events on their way into the inbox.
 */
#ifndef LINECRM_INBOX_STORE_H
#define LINECRM_INBOX_STORE_H

#include "crm/webhook_body.h"
#include "datatype/timestamp.h"

/* One event as the inbox will hold it. */
typedef struct LcArrival
{
	int request; /* the caller's number for it */
	int64 channel_id;
	const LcEvent *event;
	const char *event_id;
	int64 inbox_id;
	TimestampTz event_at;
	int slot;
} LcArrival;

/*
 * Stores the events that the inbox does not hold yet, with a row in inbox_waiting each, and adds one to
 * new_events[request] for each of them. Needs an SPI connection. The array's order is the order of arrival.
 */
extern void inbox_store(LcArrival *arrivals, int count, int32 *new_events);

#endif
