/*
 * access.h
 *		Which channels and stores a role may use: what the table linecrm_internal.access says.
 */
#ifndef LINECRM_ACCESS_H
#define LINECRM_ACCESS_H

/* May the role that asks use this channel for what it called? */
extern bool access_may_use(int64 channel_id);

#endif
