/* First byte: template or not, array or content; the rest is JSON. Reports are printable and as many as returned. */
#include "entry.h"

#include <string.h>

#include "line/message_limits.h"

static void
count(void *arg, const LcProblem *problem)
{
	MUST(strlen(problem->path) < 1024 && problem->problem[0] != '\0');
	for (const char *c = problem->path; *c != '\0'; c++)
		MUST(*c > 0x20 && *c < 0x7f);
	++*(int *) arg;
}

void
fuzz_message_limits(const uint8_t *data, size_t size)
{
	int flags = size > 0 && (data[0] & 1) ? LC_CHECK_TEMPLATE : 0;
	int reports = 0;
	int problems;

	if (size < 1)
		return;
	if (data[0] & 2)
		problems = lc_check_content((const char *) data + 1, size - 1, flags, count, &reports);
	else
		problems = lc_check_messages((const char *) data + 1, size - 1, flags, count, &reports);
	MUST(reports == (problems < LC_PROBLEMS_MAX ? problems : LC_PROBLEMS_MAX));
}
