/*
 * outbox.h
 *		All SQL that the sender runs. Knows no HTTP: a claim says what is to be sent, a result what became of it.
 *
 * Every function but outbox_forget_plans runs inside a step of worker_transaction, with SPI connected, and may throw.
 */
#ifndef LINECRM_OUTBOX_H
#define LINECRM_OUTBOX_H

#include "line/id.h"
#include "line/outcome.h"
#include "worker/channels.h"

/* A request that is leased to this process: from the claim's commit until its result is recorded. */
typedef struct LcClaim
{
	int64 channel_id;
	int64 outbox_id;
	int64 request_id;
	int64 delivery_id; /* 0: none */
	int16 slot;
	int16 lane;
	int16 request_slot;
	int16 delivery_slot;
	int attempts;			   /* this one included */
	TimestampTz doubt_before; /* ambiguous_since before this attempt; 0: nothing in doubt */
	TimestampTz leased_at;	   /* what the claim wrote as ambiguous_since if that was null */
	TimestampTz not_after;	   /* 0: none */
	const LcRequestKind *kind;
	LcChannel *channel;
	int64 credential_version;
	char retry_key[37]; /* "": none */
	int friends;	   /* of the request */
	int recipients;	   /* user ids in the body */
	bool content_validated; /* by LINE's validate endpoint */

	/* what is sent; in the memory of the claim's turn */
	uint8_t (*users)[LC_USER_ID_SIZE]; /* ascending */
	const char *text_target; /* a chat or a reply token; NULL: none */
	const char *params;	  /* JSON; NULL: none */
	const char *content;
	size_t content_size;
	struct LcClaim *next;
} LcClaim;

/* What became of a claim. The texts are the result's own (malloc'ed answer, fixed arrays elsewhere). */
typedef struct LcResult
{
	LcClaim *claim;
	LcOutcome outcome;
	int status;
	const char *problem;	  /* of the transfer; NULL: none */
	const char *line_request_id;
	const char *answer; /* for completions and message ids; NULL: none */
	size_t answer_size;
	TimestampTz retry_at; /* for verdicts that go on */
	void *transfer;		  /* the owner's, to release after recording */
	struct LcResult *next;
} LcResult;

extern int64 outbox_epoch;

/* outbox.c */
typedef struct LcArrivals
{
	bool more;			  /* call again at once */
	bool undecided;		  /* ids are out whose transactions have not ended: look again in a while */
	TimestampTz next_due; /* of what waits; DT_NOEND: nothing */
} LcArrivals;

extern bool outbox_lock(void);
extern void outbox_note_prepared(void);
extern bool outbox_prepared(void);
extern void outbox_read_arrivals(int64 go_back_to, bool barrier, LcArrivals *arrivals);
extern int64 outbox_move_due(void);
extern int64 outbox_attend(void);
extern void outbox_clock_put_back(int64 microseconds);
extern const char *outbox_check_installation(void);
extern void outbox_heartbeat(void);

/* outbox_claim.c */
extern LcClaim *outbox_claim(LcWish *wishes, int count, MemoryContext turn);

/* outbox_record.c */
extern void outbox_record(LcResult *results);

/* shared by these three */
typedef enum LcOutboxPlan
{
	LC_PLAN_LOCK,
	LC_PLAN_ARRIVALS,
	LC_PLAN_SEQUENCE,
	LC_PLAN_XMIN,
	LC_PLAN_NEXT_DUE,
	LC_PLAN_MOVE_DUE,
	LC_PLAN_ATTEND,
	LC_PLAN_PUT_BACK,
	LC_PLAN_INSTALLATION,
	LC_PLAN_HEARTBEAT,
	LC_PLAN_LOOK,
	LC_PLAN_MEMBERS,
	LC_PLAN_LEASE,
	LC_PLAN_EXCLUDE,
	LC_PLAN_SET_ASIDE,
	LC_PLAN_REMOVE,
	LC_PLAN_ROW,
	LC_PLAN_FINISH,
	LC_PLAN_WAIT,
	LC_PLAN_COMPLETE,
	LC_PLAN_HOLD_CHANNEL,
	LC_PLAN_HOLD_DELIVERY,
	LC_PLAN_SPLIT,
	LC_PLAN_LAST_USE,
	LC_PLAN_NOTE_USE,
	LC_PLANS
} LcOutboxPlan;

extern uint64 outbox_run(LcOutboxPlan plan, const char *sql, int argument_count, Oid *types, Datum *values,
						 const char *nulls, int expected);
extern void outbox_commit_mode(bool durable);
extern void outbox_learn_use(const LcClaim *claim, TimestampTz now);
extern void outbox_note_use(const LcClaim *claim, TimestampTz now);
extern void outbox_exclude(const LcClaim *claim, const char *reason, Datum friend_ids);
extern void outbox_wait_briefly(void);

struct LcColumns;
extern void outbox_finish_columns(struct LcColumns *columns, int room);
extern bool outbox_finish_row(struct LcColumns *columns, const LcClaim *claim, const char *outcome, const char *reason,
							  const char *detail);
extern void outbox_finish(struct LcColumns *columns);
extern void outbox_hold_channel(const LcClaim *claim, const char *reason, const char *detail);

#endif
