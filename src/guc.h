/*
 * guc.h
 *		The settings of linecrm, as C variables. Names, units and meanings are in guc.c.
 */
#ifndef LINECRM_GUC_H
#define LINECRM_GUC_H

typedef enum LcLanguage
{
	LC_LANGUAGE_EN,
	LC_LANGUAGE_JA
} LcLanguage;

/* processes */
extern char *lc_databases;
extern int lc_max_databases;
extern int lc_poll_interval;  /* ms */
extern int lc_shutdown_grace; /* ms */

/* HTTP */
extern char *lc_api_base_url;
extern char *lc_api_data_base_url;
extern char *lc_ca_file;
extern bool lc_allow_http;
extern int lc_max_in_flight;
extern int lc_request_timeout; /* ms */
extern int lc_connect_timeout; /* ms */

/* secrets */
extern char *lc_key_file;

/* safety at a prompt */
extern int lc_confirm_above;
extern int lc_undo_window; /* s */
extern int lc_push_burst;
extern int lc_language;

/* breakers */
extern int lc_storm_limit;
extern int lc_storm_window; /* s */
extern int lc_volume_limit;

/* segments */
extern int lc_segment_timeout; /* ms */
extern double lc_segment_cost_limit;

extern void guc_init(void);

#endif
