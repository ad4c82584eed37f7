/*
 * event_json.h
 *		JSON text that carries what PostgreSQL's text cannot: \u0000 and lone surrogates.
 */
#ifndef LINECRM_EVENT_JSON_H
#define LINECRM_EVENT_JSON_H

/* Turns \u0000 and lone surrogates of valid JSON text into \uFFFD, in place: the length stays. */
extern void event_json_make_storable(char *json, int length);

/* The value of a JSON string token (with its quotes), de-escaped; NUL-terminated, palloc'ed. */
extern char *event_json_string(const char *token, int length);

#endif
