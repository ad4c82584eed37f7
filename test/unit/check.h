/*
 * check.h
 *		A few macros instead of a framework. A program checks everything, says where each failure is, and main ends with
 *		return check_summary();
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int check_passed;
static int check_failed;

#define CHECK(condition) check_that((condition), __FILE__, __LINE__, #condition, "")
/* for tables: says which row */
#define CHECK_ROW(condition, row) check_that((condition), __FILE__, __LINE__, #condition, (row))
#define CHECK_INT(got, wanted) check_int((long long) (got), (long long) (wanted), __FILE__, __LINE__, #got, "")
#define CHECK_INT_ROW(got, wanted, row) \
	check_int((long long) (got), (long long) (wanted), __FILE__, __LINE__, #got, (row))
#define CHECK_TEXT(got, wanted) check_text((got), (wanted), __FILE__, __LINE__, #got)

static inline void
check_that(bool ok, const char *file, int line, const char *what, const char *row)
{
	if (ok)
		check_passed++;
	else
	{
		check_failed++;
		printf("%s:%d: not true: %s %s\n", file, line, what, row);
	}
}

static inline void
check_int(long long got, long long wanted, const char *file, int line, const char *what, const char *row)
{
	if (got == wanted)
		check_passed++;
	else
	{
		check_failed++;
		printf("%s:%d: %s is %lld, wanted %lld %s\n", file, line, what, got, wanted, row);
	}
}

static inline void
check_text(const char *got, const char *wanted, const char *file, int line, const char *what)
{
	if (strcmp(got, wanted) == 0)
		check_passed++;
	else
	{
		check_failed++;
		printf("%s:%d: %s is \"%s\", wanted \"%s\"\n", file, line, what, got, wanted);
	}
}

static inline int
check_summary(void)
{
	printf("%d checks passed, %d failed\n", check_passed, check_failed);
	return check_failed == 0 && check_passed > 0 ? 0 : 1;
}

#endif
