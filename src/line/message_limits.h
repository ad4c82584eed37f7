/*
 * message_limits.h
 *		Every limit of message objects that LINE documents and that can be checked without asking LINE.
 */
#ifndef LC_MESSAGE_LIMITS_H
#define LC_MESSAGE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/*
 * One thing wrong. The texts live until the callback returns.
 *
 * path		where, in LINE's own notation: "messages[0].template.columns[2].text"; printable ASCII
 * problem	what, a lower-case clause without a full stop: "too long, counted in UTF-16 code units"
 * limit	the limit it breaks, -1 when it is no number
 * actual	what was found, -1 when it is no number
 */
typedef struct LcProblem
{
	const char *path;
	const char *problem;
	int64_t limit;
	int64_t actual;
} LcProblem;

/* Must not throw or jump out: parsed JSON would be lost. Collect, and raise afterwards. */
typedef void (*LcProblemCallback)(void *arg, const LcProblem *problem);

/* Flags */
enum
{
	/*
	 * The messages are a template with {{variables}} still in it: what stands between {{ and }} is not counted (the
	 * least the rendered text can have), and a URL may begin with a variable. The rendered messages are to be checked
	 * again.
	 */
	LC_CHECK_TEMPLATE = 1
};

#define LC_MESSAGES_MAX 5      /* message objects of one request */
#define LC_PROBLEMS_MAX 100    /* further ones are counted and not reported */
#define LC_CONTENT_MAX 1980000 /* bytes of a content: LC_BODY_MAX less the longest "to" */

/*
 * Checks the text of a JSON array of message objects, at most LC_CONTENT_MAX bytes. Calls back for each problem, in the
 * order of the document, and returns how many there are; 0 means that nothing is known to be wrong, not that LINE will
 * take it (fetching images, words not allowed in a sender's name and much else is LINE's: the validate endpoint).
 * Text that is not JSON is one problem with path "messages". Deep nesting, NULs, lone surrogates and repeated keys are
 * problems, never crashes.
 */
extern int lc_check_messages(const char *json, size_t size, int flags, LcProblemCallback report, void *arg);

/*
 * The same for a whole stored content, an object {"messages":[...], "notificationDisabled":..., ...} without target.
 */
extern int lc_check_content(const char *json, size_t size, int flags, LcProblemCallback report, void *arg);

#endif
