/* token_bucket.c: never more than the rate in any span, never less than it over a long one. */
#include "check.h"

#include "line/token_bucket.h"

#define SECOND INT64_C(1000000)

static const LcRate multicast = {200, 1};
static const LcRate push = {2000, 1};
static const LcRate audience = {60, 60};
static const LcRate webhook = {1000, 60};
static const LcRate broadcast = {60, 3600};
static const LcRate batch = {3, 3600};

static void
test_start(void)
{
	LcTokenBucket bucket;

	lc_bucket_init(&bucket, multicast, 1000 * SECOND);
	CHECK_INT(lc_bucket_take(&bucket, 10, 1000 * SECOND), 0); /* empty */
	CHECK_INT(lc_bucket_wait(&bucket, 1000 * SECOND), 5000);
	CHECK_INT(lc_bucket_take(&bucket, 10, 1000 * SECOND + 4999), 0);
	CHECK_INT(lc_bucket_take(&bucket, 10, 1000 * SECOND + 5000), 1);
	CHECK_INT(lc_bucket_take(&bucket, 10, 1000 * SECOND + 5000), 0);
	/* one second at most is held */
	CHECK_INT(lc_bucket_take(&bucket, 1000, 2000 * SECOND), 200);
	CHECK_INT(lc_bucket_take(&bucket, 1, 2000 * SECOND), 0);
	CHECK_INT(lc_bucket_take(&bucket, 0, 3000 * SECOND), 0);
	CHECK_INT(lc_bucket_take(&bucket, -5, 3000 * SECOND), 0);
	CHECK_INT(lc_bucket_level(&bucket, 3000 * SECOND), 200);
	CHECK_INT(lc_bucket_wait(&bucket, 3000 * SECOND), 0);
}

static void
test_capacities(void)
{
	static const struct
	{
		LcRate rate;
		int capacity;
		int64_t first;
	} rates[] = {{multicast, 200, 5000},		  {push, 2000, 500},		 {audience, 1, SECOND},
				 {webhook, 16, 60000},			  {broadcast, 1, 60 * SECOND}, {batch, 1, 1200 * SECOND},
				 {{0, 0}, 1, SECOND},			  {{-3, -3}, 1, SECOND},	 {{1, 2147483647}, 1, 2147483647 * SECOND}};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
	{
		LcTokenBucket bucket;

		lc_bucket_init(&bucket, rates[i].rate, 0);
		CHECK_INT(lc_bucket_wait(&bucket, 0), rates[i].first);
		CHECK_INT(lc_bucket_level(&bucket, rates[i].first - 1), 0);
		CHECK_INT(lc_bucket_level(&bucket, rates[i].first), 1);
		CHECK_INT(lc_bucket_level(&bucket, INT64_MAX), rates[i].capacity);
	}
}

/* Asking in odd steps for a minute gives the rate exactly, and never more than capacity + rate in any second. */
static void
test_long_run(LcRate rate, int64_t step)
{
	LcTokenBucket bucket;
	int64_t taken = 0;
	int64_t in_second = 0;
	int64_t second = 0;
	int64_t worst = 0;

	lc_bucket_init(&bucket, rate, 0);
	for (int64_t now = 0; now < 60 * SECOND; now += step)
	{
		int n = lc_bucket_take(&bucket, 1000000, now);

		if (now / SECOND != second)
		{
			second = now / SECOND;
			in_second = 0;
		}
		in_second += n;
		taken += n;
		worst = in_second > worst ? in_second : worst;
	}
	taken += lc_bucket_take(&bucket, 1000000, 60 * SECOND);
	CHECK_INT(taken, INT64_C(60) * rate.requests / rate.seconds);
	CHECK(worst <= rate.requests / rate.seconds + 1);
}

static void
test_pause(void)
{
	LcTokenBucket bucket;

	lc_bucket_init(&bucket, multicast, 0);
	CHECK_INT(lc_bucket_level(&bucket, 10 * SECOND), 200);
	lc_bucket_pause(&bucket, 15 * SECOND, 10 * SECOND);
	CHECK_INT(lc_bucket_take(&bucket, 5, 12 * SECOND), 0);
	CHECK_INT(lc_bucket_wait(&bucket, 12 * SECOND), 3 * SECOND + 5000);
	lc_bucket_pause(&bucket, 13 * SECOND, 12 * SECOND); /* shorter: the longer one stays */
	CHECK_INT(lc_bucket_take(&bucket, 5, 14 * SECOND), 0);
	CHECK_INT(lc_bucket_take(&bucket, 5, 15 * SECOND), 0); /* and then it fills from empty */
	CHECK_INT(lc_bucket_take(&bucket, 500, 15 * SECOND + 10000), 2);
	/* a pause that is over when it is set only empties */
	CHECK_INT(lc_bucket_level(&bucket, 20 * SECOND), 200);
	lc_bucket_pause(&bucket, 19 * SECOND, 20 * SECOND);
	CHECK_INT(lc_bucket_level(&bucket, 20 * SECOND), 0);
	CHECK_INT(lc_bucket_level(&bucket, 20 * SECOND + 5000), 1);
}

static void
test_give_back(void)
{
	LcTokenBucket bucket;

	lc_bucket_init(&bucket, multicast, 0);
	CHECK_INT(lc_bucket_take(&bucket, 150, SECOND), 150);
	lc_bucket_give_back(&bucket, 100);
	CHECK_INT(lc_bucket_level(&bucket, SECOND), 150);
	lc_bucket_give_back(&bucket, 2147483647);
	CHECK_INT(lc_bucket_level(&bucket, SECOND), 200);
	lc_bucket_give_back(&bucket, -1);
	CHECK_INT(lc_bucket_level(&bucket, SECOND), 200);
}

static void
test_clock(void)
{
	LcTokenBucket bucket;

	lc_bucket_init(&bucket, multicast, 100 * SECOND);
	CHECK_INT(lc_bucket_level(&bucket, 50 * SECOND), 0); /* back: nothing gained, */
	CHECK_INT(lc_bucket_level(&bucket, 50 * SECOND + 5000), 1); /* and it goes on from there */
	CHECK_INT(lc_bucket_level(&bucket, INT64_MIN), 1);
	CHECK_INT(lc_bucket_level(&bucket, INT64_MAX), 200);

	lc_bucket_init(&bucket, multicast, 0);
	CHECK_INT(lc_bucket_level(&bucket, SECOND), 200);

	/* an hourly limit after a restart: empty since the last request, 50 seconds ago */
	lc_bucket_init(&bucket, broadcast, 100 * SECOND);
	CHECK_INT(lc_bucket_wait(&bucket, 150 * SECOND), 10 * SECOND);
}

int
main(void)
{
	test_start();
	test_capacities();
	test_long_run(multicast, 7);
	test_long_run(multicast, 997);
	test_long_run(push, 13);
	test_long_run(webhook, 20011);
	test_long_run(audience, 100000);
	test_pause();
	test_give_back();
	test_clock();
	return check_summary();
}
