/*
 * message_check.h
 *		What the files that check message objects share. Not for others: they use message_limits.h.
 */
#ifndef LC_MESSAGE_CHECK_H
#define LC_MESSAGE_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message_limits.h"

#define LC_CHECK_PATH_MAX 1024
#define LC_CHECK_DEPTH_MAX 32 /* boxes in boxes; nobody can see more on a telephone */

typedef struct LcCheck
{
	LcProblemCallback report;
	void *arg;
	int flags;
	int problems;
	bool spaced;  /* the document has white space between tokens: sizes of parts are measured with it */
	int animated; /* flex images with animated:true of the present message */
	size_t path_size;
	char path[LC_CHECK_PATH_MAX];
} LcCheck;

typedef enum LcNeed
{
	LC_OPTIONAL,
	LC_REQUIRED
} LcNeed;

typedef enum LcUnit
{
	LC_UTF16,
	LC_GRAPHEMES
} LcUnit;

typedef enum LcUrlKind
{
	LC_URL_HTTPS, /* media */
	LC_URL_ACTION /* http, https, line, tel */
} LcUrlKind;

/* Where an action stands: decides about its label and which types are allowed ("Specifications of the label"). */
typedef enum LcActionPlace
{
	LC_IN_TEMPLATE,
	LC_IN_TEMPLATE_DEFAULT, /* defaultAction: its label is shown nowhere */
	LC_IN_IMAGE_CAROUSEL,
	LC_IN_QUICK_REPLY,
	LC_IN_FLEX_BUTTON,
	LC_IN_FLEX
} LcActionPlace;

/* Path: enter a member or an element, and leave with what enter returned. */
extern size_t lc_check_enter(LcCheck *check, const char *key);
extern size_t lc_check_enter_index(LcCheck *check, size_t index);
extern void lc_check_leave(LcCheck *check, size_t mark);

/* Reports about the member `key` of where we are, or about the place itself when key is NULL. */
extern void lc_check_problem(LcCheck *check, const char *key, const char *problem, int64_t limit, int64_t actual);

/* A member of one JSON type, or NULL; absent (or null) and required, or another type, is reported. */
extern json_t *lc_check_object(LcCheck *check, json_t *parent, const char *key, LcNeed need);
extern json_t *lc_check_array(LcCheck *check, json_t *parent, const char *key, LcNeed need, size_t min, size_t max);
extern json_t *lc_check_string(LcCheck *check, json_t *parent, const char *key, LcNeed need);
extern void lc_check_boolean(LcCheck *check, json_t *parent, const char *key);
extern void lc_check_number(LcCheck *check, json_t *parent, const char *key, double min, double max);
extern bool lc_check_integer(LcCheck *check, json_t *parent, const char *key, LcNeed need, int64_t min, int64_t *value);

/* A text of at most max units; a required one must not be empty. Returns the member or NULL. */
extern json_t *lc_check_text(LcCheck *check, json_t *parent, const char *key, LcNeed need, LcUnit unit, int64_t max);

/* A text made of letters, digits and the characters of `more`. */
extern void lc_check_charset(LcCheck *check, json_t *parent, const char *key, LcNeed need, const char *more,
                             int64_t max);

/* One of the words in a NULL-terminated list. */
extern const char *lc_check_word(LcCheck *check, json_t *parent, const char *key, LcNeed need,
                                 const char *const *words);

extern void lc_check_url(LcCheck *check, json_t *parent, const char *key, LcNeed need, LcUrlKind kind, int64_t max);

/* "{width}:{height}", 1 to 100000, height at most three times the width. */
extern void lc_check_aspect_ratio(LcCheck *check, json_t *parent);

/* x, y, width, height of an imagemap. */
extern void lc_check_area(LcCheck *check, json_t *parent, LcNeed need);

/* action_limits.c: one action; an array of them. */
extern void lc_check_action(LcCheck *check, json_t *action, LcActionPlace place);
extern void lc_check_action_member(LcCheck *check, json_t *parent, const char *key, LcNeed need, LcActionPlace place);
extern size_t lc_check_actions(LcCheck *check, json_t *parent, size_t min, size_t max, LcActionPlace place);

/* text_limits.c, template_limits.c, flex_limits.c: one message object each, its common properties apart. */
extern void lc_check_text_message(LcCheck *check, json_t *message);
extern void lc_check_text_v2_message(LcCheck *check, json_t *message);
extern void lc_check_imagemap_message(LcCheck *check, json_t *message);
extern void lc_check_template_message(LcCheck *check, json_t *message);
extern void lc_check_flex_message(LcCheck *check, json_t *message);

#endif
