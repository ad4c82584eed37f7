/* retry.c: the back-off and its cap, the 23 hours. */
#include "check.h"

#include "line/retry.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)

int
main(void)
{
	static const int seconds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300};

	for (int i = 0; i < (int) (sizeof(seconds) / sizeof(seconds[0])); i++)
	{
		CHECK_INT(lc_retry_delay(i + 1, 1.0), seconds[i] * SECOND);
		CHECK_INT(lc_retry_delay(i + 1, 0.5), seconds[i] * SECOND / 2);
		CHECK_INT(lc_retry_delay(i + 1, 0.0), 0);
	}
	CHECK_INT(lc_retry_delay(0, 1.0), SECOND);
	CHECK_INT(lc_retry_delay(-7, 1.0), SECOND);
	CHECK_INT(lc_retry_delay(2147483647, 1.0), 300 * SECOND);
	CHECK_INT(lc_retry_delay(3, -1.0), 0);
	CHECK_INT(lc_retry_delay(3, 7.0), 4 * SECOND);
	CHECK_INT(lc_retry_delay(3, 0.0 / (0.0 * (double) check_passed)), 0); /* NaN */

	CHECK(!lc_retry_over(100 * HOUR, 100 * HOUR));
	CHECK(!lc_retry_over(100 * HOUR, 123 * HOUR - 1));
	CHECK(lc_retry_over(100 * HOUR, 123 * HOUR));
	CHECK(lc_retry_over(100 * HOUR, 124 * HOUR));
	CHECK(!lc_retry_over(100 * HOUR, 1 * HOUR)); /* the clock went back */
	CHECK(lc_retry_over(INT64_MIN, INT64_MAX));
	CHECK(!lc_retry_over(INT64_MAX, INT64_MIN));
	return check_summary();
}
