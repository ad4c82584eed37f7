/*
 * compat.h
 *		The one place that knows PostgreSQL's versions. 15 is the floor.
 *
 * Every other file writes for the newest spelling and finds it here for older servers.
 */
#ifndef LINECRM_COMPAT_H
#define LINECRM_COMPAT_H

#endif
