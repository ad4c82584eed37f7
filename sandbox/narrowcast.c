/*
 * narrowcast.c
 *		Broadcast and narrowcast recipients, and the progress of narrowcasts.
 *
 * A narrowcast goes to everybody who follows, cut to limit.max: filters and audiences are accepted and not evaluated,
 *because the sandbox knows nothing about its people but whether they follow. Progress runs on the sandbox's clock:
 *waiting, sending, then succeeded, or failed with the code a fault gave. LINE reserves quota for the target reach while
 *a narrowcast runs; here its recipients are counted at once, and /sandbox/quota sets a reservation by hand. Under the
 *state lock.
 */
#include "send.h"

#include <stdlib.h>
#include <string.h>

typedef struct Job
{
	int channel;
	uint8_t request_id[16];
	int64_t ms;
	int64_t targets;
	int error_code;
} Job;

static Job *jobs;
static size_t job_count;

void
narrowcast_start(int channel, const uint8_t request_id[16], int64_t ms, int64_t targets, int error_code)
{
	Job *job;

	jobs = must_realloc(jobs, (job_count + 1) * sizeof(Job));
	job = &jobs[job_count++];
	*job = (Job){.channel = channel, .ms = ms, .targets = targets, .error_code = error_code};
	memcpy(job->request_id, request_id, 16);
}

void
narrowcast_forget(void)
{
	job_count = 0;
}

void
send_to_everybody(Request *r, Send *s)
{
	Channel *c = &state.channels[r->channel];
	json_t *max = json_object_get(json_object_get(s->root, "limit"), "max");
	size_t most = json_is_integer(max) && json_integer_value(max) > 0 ? (size_t) json_integer_value(max) : SIZE_MAX;

	s->people = must_alloc((c->friend_count + 1) * sizeof(uint32_t));
	s->delivered = must_alloc(c->friend_count + 1);
	for (uint32_t i = 0; i < c->friend_count && s->count < most; i++)
		if (channel_status(c, c->friends[i]) == PERSON_FOLLOWING)
			s->people[s->count++] = c->friends[i];
}

void
handle_progress(Request *r)
{
	const char *id = request_query(r, "requestId");
	uint8_t wanted[16];
	Job *job = NULL;
	int64_t age;
	char accepted[32], completed[32];
	json_t *answer;

	if (!id || !uuid_parse(id, wanted))
	{
		answer_message(r, 400, "The value for the 'requestId' parameter is invalid");
		return;
	}
	for (size_t i = 0; i < job_count; i++)
		if (jobs[i].channel == r->channel && memcmp(jobs[i].request_id, wanted, 16) == 0)
			job = &jobs[i];
	age = job ? now_ms() - job->ms : 0;
	if (!job || age > INT64_C(14) * 86400 * 1000)
	{
		answer_not_found(r);
		return;
	}
	iso_time(job->ms, accepted);
	iso_time(job->ms + options.narrowcast_ms, completed);
	answer = json_pack("{s:s}", "acceptedTime", accepted);
	if (age < options.narrowcast_ms / 2)
		json_object_set_new(answer, "phase", json_string("waiting"));
	else
	{
		bool done = age >= options.narrowcast_ms;
		int64_t sent = done ? job->targets : job->targets / 2;

		json_object_set_new(answer, "phase", json_string(!done ? "sending" : job->error_code ? "failed" : "succeeded"));
		json_object_set_new(answer, "successCount", json_integer(job->error_code ? 0 : sent));
		json_object_set_new(answer, "failureCount", json_integer(0));
		json_object_set_new(answer, "targetCount", json_integer(job->targets));
		if (done)
			json_object_set_new(answer, "completedTime", json_string(completed));
		if (done && job->error_code)
		{
			json_object_set_new(answer, "errorCode", json_integer(job->error_code));
			json_object_set_new(answer, "failedDescription", json_string("the narrowcast failed"));
		}
	}
	answer_object(r, 200, answer);
}
