/*
 * guc.c
 *		Every setting of linecrm in one table of contents.
 *
 * Who may set what follows from who reads it. What the worker processes read is SIGHUP: a value set in a session would
 * change nothing and deceive its author. What protects against a slip at the prompt is SUSET: whom it protects must not
 * lower it. Only the language is everybody's own.
 *
 * Without shared_preload_libraries the library is loaded by the first function call of a session. Everything works then
 * but the workers (and linecrm.max_databases, which sizes shared memory, does not exist); doctor() says so.
 *
 * The check hooks only look at the value's form. Whether http:// is allowed depends on two settings and is asked where a
 * request is made (http.c), because hooks run in an order that nobody controls.
 */
#include "postgres.h"

#include <limits.h>

#include "guc.h"
#include "miscadmin.h"
#include "utils/guc.h"

char *lc_databases;
int lc_max_databases = 8;
int lc_poll_interval = 1000;
int lc_shutdown_grace = 2000;
char *lc_api_base_url;
char *lc_api_data_base_url;
char *lc_ca_file;
bool lc_allow_http = false;
int lc_max_in_flight = 256;
int lc_request_timeout = 10000;
int lc_connect_timeout = 3000;
char *lc_key_file;
int lc_confirm_above = 1000;
int lc_undo_window = 60;
int lc_push_burst = 1000;
int lc_storm_limit = 3;
int lc_storm_window = 3600;
int lc_volume_limit = 0;
int lc_language = LC_LANGUAGE_EN;
int lc_segment_timeout = 60000;
double lc_segment_cost_limit = 1e8;

static const struct config_enum_entry language_options[] = {
	{"en", LC_LANGUAGE_EN, false}, {"ja", LC_LANGUAGE_JA, false}, {NULL, 0, false}};

static void define_process_settings(void);
static void define_http_settings(void);
static void define_safety_settings(void);
static void define_breaker_settings(void);
static bool check_base_url(char **newval, void **extra, GucSource source);
static bool check_path(char **newval, void **extra, GucSource source);
static void define_int(const char *name, const char *text, int *variable, int boot, int min, int max,
					   GucContext context, int flags);

/* Called once by _PG_init, in the postmaster or in the session that loads the library late. */
void
guc_init(void)
{
	define_process_settings();
	define_http_settings();
	define_safety_settings();
	define_breaker_settings();
	MarkGUCPrefixReserved("linecrm");
}

static void
define_process_settings(void)
{
	DefineCustomStringVariable("linecrm.databases", "Databases whose queue is worked on; empty: all that have the extension.",
							   "Names separated by commas. A name that does not exist is skipped.", &lc_databases, "",
							   PGC_SIGHUP, GUC_LIST_INPUT, NULL, NULL, NULL);
	if (process_shared_preload_libraries_in_progress)
		define_int("linecrm.max_databases", "Databases that can have linecrm's workers at the same time.", &lc_max_databases,
				   8, 1, 256, PGC_POSTMASTER, 0);
	define_int("linecrm.poll_interval",
			   "How often an idle worker looks up: for prepared transactions and for somebody who wants to drop the database.",
			   &lc_poll_interval, 1000, 50, 60000, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("linecrm.shutdown_grace", "How long requests in flight may take to end when the server stops.",
			   &lc_shutdown_grace, 2000, 0, 60000, PGC_SIGHUP, GUC_UNIT_MS);
}

static void
define_http_settings(void)
{
	DefineCustomStringVariable("linecrm.api_base_url", "Where the Messaging API is.", NULL, &lc_api_base_url,
							   "https://api.line.me", PGC_SIGHUP, 0, check_base_url, NULL, NULL);
	DefineCustomStringVariable("linecrm.api_data_base_url", "Where the Messaging API keeps contents and images.", NULL,
							   &lc_api_data_base_url, "https://api-data.line.me", PGC_SIGHUP, 0, check_base_url, NULL, NULL);
	DefineCustomStringVariable("linecrm.ca_file", "Certificates that LINE's hosts are checked against; empty: the system's.",
							   "A file with the one root that LINE uses makes a new connection 20 times cheaper.", &lc_ca_file,
							   "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_path, NULL, NULL);
	DefineCustomBoolVariable("linecrm.allow_http", "Allows base URLs with http://, for the sandbox.",
							 "Tokens and messages then travel in clear text.", &lc_allow_http, false, PGC_SIGHUP, 0, NULL,
							 NULL, NULL);
	define_int("linecrm.max_in_flight", "Requests that the sender of a database has open at the same time.", &lc_max_in_flight,
			   256, 1, 4096, PGC_SIGHUP, 0);
	define_int("linecrm.request_timeout", "Time for one request, from connecting to the last byte of the answer.",
			   &lc_request_timeout, 10000, 100, 300000, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("linecrm.connect_timeout", "Time for a new connection to LINE, TLS included.", &lc_connect_timeout, 3000, 50,
			   60000, PGC_SIGHUP, GUC_UNIT_MS);
	DefineCustomStringVariable("linecrm.key_file", "File with the key under which credentials are sealed.",
							   "64 hexadecimal digits; must belong to the server's user with mode 0600. Read when needed.",
							   &lc_key_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_path, NULL, NULL);
}

static void
define_safety_settings(void)
{
	define_int("linecrm.confirm_above", "People above which a marketing delivery needs at_most.", &lc_confirm_above, 1000, 0,
			   INT_MAX, PGC_SUSET, 0);
	define_int("linecrm.undo_window", "Delay of a large marketing delivery that is released \"now\".", &lc_undo_window, 60, 0,
			   86400, PGC_SUSET, GUC_UNIT_S);
	define_int("linecrm.push_burst", "Pushes of one transaction above which the rest is queued held.", &lc_push_burst, 1000, 0,
			   INT_MAX, PGC_SUSET, 0);
	DefineCustomEnumVariable("linecrm.language", "Language in which linecrm speaks to people.", NULL, &lc_language,
							 LC_LANGUAGE_EN, language_options, PGC_USERSET, 0, NULL, NULL, NULL);
	define_int("linecrm.segment_timeout", "Time that one segment may take.", &lc_segment_timeout, 60000, 1, INT_MAX, PGC_SUSET,
			   GUC_UNIT_MS);
	DefineCustomRealVariable("linecrm.segment_cost_limit", "Planner cost above which a segment is refused; 0: no limit.", NULL,
							 &lc_segment_cost_limit, 1e8, 0, 1e300, PGC_SUSET, 0, NULL, NULL, NULL);
}

static void
define_breaker_settings(void)
{
	define_int("linecrm.storm_limit", "How often the same content may reach the same friend within linecrm.storm_window; 0: always.",
			   &lc_storm_limit, 3, 0, 8, PGC_SIGHUP, 0);
	define_int("linecrm.storm_window", "The time in which linecrm.storm_limit counts.", &lc_storm_window, 3600, 1, 86400,
			   PGC_SIGHUP, GUC_UNIT_S);
	define_int("linecrm.volume_limit", "People that a channel may send to within an hour; 0: no limit.", &lc_volume_limit, 0,
			   0, INT_MAX, PGC_SIGHUP, 0);
}

/* A base URL is scheme and host, with no path, query or trailing slash; LINE's paths are appended as they are. */
static bool
check_base_url(char **newval, void **extra, GucSource source)
{
	const char *rest;

	if (strncmp(*newval, "https://", 8) == 0)
		rest = *newval + 8;
	else if (strncmp(*newval, "http://", 7) == 0)
		rest = *newval + 7;
	else
	{
		GUC_check_errdetail("The value must begin with https:// (or http:// for the sandbox).");
		return false;
	}
	if (*rest == '\0' || strlen(*newval) > 200 || strpbrk(rest, "/?#@ \t\r\n\\") != NULL)
	{
		GUC_check_errdetail("After the scheme a host and perhaps a port must follow, without a path or a trailing slash.");
		return false;
	}
	return true;
}

/* Files are named absolutely: the server's working directory is nobody's business. */
static bool
check_path(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0' || is_absolute_path(*newval))
		return true;
	GUC_check_errdetail("The value must be an absolute path.");
	return false;
}

/* DefineCustomIntVariable without the hooks that no number here needs. */
static void
define_int(const char *name, const char *text, int *variable, int boot, int min, int max, GucContext context, int flags)
{
	DefineCustomIntVariable(name, text, NULL, variable, boot, min, max, context, flags, NULL, NULL, NULL);
}
