/*
 * server.h
 *		Starting and stopping the HTTP server.
 */
#ifndef SANDBOX_SERVER_H
#define SANDBOX_SERVER_H

#include <microhttpd.h>
#include <stdbool.h>

/* Returns the port, 0: could not start. */
extern int server_start(void);
extern void server_stop(void);

/* Instead of MHD_resume_connection. */
extern void server_resume(struct MHD_Connection *connection);

#endif
