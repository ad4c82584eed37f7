/*
 * sent_messages.h
 *		The ids that LINE gives to the messages of a push or a reply.
 */
#ifndef LC_SENT_MESSAGES_H
#define LC_SENT_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>

#define LC_SENT_MESSAGES_MAX 5		/* of one request */
#define LC_SENT_MESSAGES_TEXT 512 /* room for all of them */

/*
 * Writes {id,id,...} (the text of a PostgreSQL array) and a NUL to out. False, and an empty out, when the answer tells
 * none. An id is documented as a number and shown as a string ("Send push message"): both are taken; anything else than
 * letters, digits and hyphens is left out.
 */
extern bool lc_sent_messages(const char *answer, size_t size, char out[LC_SENT_MESSAGES_TEXT]);

#endif
