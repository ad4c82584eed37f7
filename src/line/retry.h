/*
 * retry.h
 *		When to try again, and when to stop.
 */
#ifndef LC_RETRY_H
#define LC_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define LC_RETRY_BASE_US INT64_C(1000000)            /* 1 s */
#define LC_RETRY_CAP_US INT64_C(300000000)           /* 5 min */
#define LC_RETRY_LIMIT_US (INT64_C(82800) * 1000000) /* 23 h */

/*
 * Microseconds to wait after the attempts-th attempt (1 = the first): random * min(cap, base * 2^(attempts - 1)),
 * "full jitter", with random in [0, 1). LINE asks for exponential back-off and names no figures ("Retry failed API
 * requests").
 */
extern int64_t lc_retry_delay(int attempts, double random);

/*
 * A retry key is valid for 24 hours from the first request; used after that, LINE sends the message again ("Retry
 * failed API requests"). So no attempt is made from 23 hours after the request came into doubt: it ends as unknown.
 * Both in microseconds of the same clock; ask with the time at which the next attempt would be made.
 */
extern bool lc_retry_over(int64_t ambiguous_since, int64_t at);

#endif
