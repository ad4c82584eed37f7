/*
 * retry.c
 *		The back-off and the 23 hours. Pure functions: randomness and time are passed in, so that tests need neither.
 */
#include "retry.h"

int64_t
lc_retry_delay(int attempts, double random)
{
	int64_t most = LC_RETRY_BASE_US;

	for (int i = 1; i < attempts && most < LC_RETRY_CAP_US; i++)
		most *= 2;
	if (most > LC_RETRY_CAP_US)
		most = LC_RETRY_CAP_US;
	if (!(random > 0.0)) /* also NaN */
		return 0;
	return random >= 1.0 ? most : (int64_t) ((double) most * random);
}

bool
lc_retry_over(int64_t ambiguous_since, int64_t at)
{
	return at > ambiguous_since && (uint64_t) at - (uint64_t) ambiguous_since >= (uint64_t) LC_RETRY_LIMIT_US;
}
