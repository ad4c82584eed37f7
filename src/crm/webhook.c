/*
 * webhook.c
 *		receive_webhook() and receive_webhooks(): from what LINE posted to events in the inbox.
 *
 * Runs in the backends of gateways, in the caller's transaction: when it commits, every new event is stored and the
 * clerk is woken; when it does not, the gateway answers 503 and LINE redelivers. The order of the checks is: the size,
 *the signature over the raw bytes, and only then what the bytes say (webhook_body.c), and whether the destination is
 *the channel's account. Everything of a call is stored by one statement (inbox_store.c).
 *
 * The form for one request raises errors, for people and simple front ends; the form for many answers with an HTTP
 * status for each, because one forged request must not cost the other forty-nine. Only what is wrong with the
 * database itself fails the whole call. A channel whose secret cannot be opened answers 503, so that LINE brings its
 * events again.
 *
 * Locks: what inserting needs; a channel's row once, when its account is learnt. Memory: SPI's, until the end.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "crm/access.h"
#include "crm/caller.h"
#include "crm/inbox_store.h"
#include "crm/webhook_key.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "line/id.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/resowner.h"
#include "worker/wake.h"

PG_FUNCTION_INFO_V1(linecrm_receive_webhook);
PG_FUNCTION_INFO_V1(linecrm_receive_webhooks);

#define LC_MAX_BODY (4 * 1024 * 1024)

/* A channel that the call names. */
typedef struct LcReceiver
{
	const char *name; /* as given */
	int64 channel_id; /* 0: there is none for this caller */
	int64 version;
	LcSignatureKey *key;
	const char *problem; /* why there is no key */
	int problem_status;
	bool account_known;
	bool account_new;
	uint8_t account[LC_USER_ID_SIZE];
	struct LcReceiver *next;
} LcReceiver;

/* One request and what became of it. */
typedef struct LcRequest
{
	NullableDatum channel;
	NullableDatum body;
	NullableDatum signature;
	LcReceiver *receiver;
	LcWebhookBody parsed;
	int status; /* HTTP */
	int error;  /* SQLSTATE of the form that raises */
	const char *problem;
	const char *hint;
} LcRequest;

static void take_requests(LcRequest *requests, int count, LcReceiver **receivers, int32 *new_events);
static void take_request(LcRequest *request, LcReceiver **receivers);
static void check_signature(LcRequest *request, bytea *body);
static void check_destination(LcRequest *request);
static void refuse(LcRequest *request, int status, int error, const char *problem, const char *hint);
static LcReceiver *find_receiver(LcReceiver **receivers, const char *name);
static LcReceiver *load_receiver(const char *query, NullableDatum name);
static LcReceiver *only_receiver(NullableDatum name);
static void open_key_quietly(LcReceiver *receiver);
static void learn_accounts(LcReceiver *receivers);
static int unpack(ArrayType *array, Oid type, Datum **items, bool **nulls);

/* linecrm_internal.receive_webhook(channel text, body bytea, signature text) returns integer */
Datum
linecrm_receive_webhook(PG_FUNCTION_ARGS)
{
	LcRequest request = {.channel = fcinfo->args[0], .body = fcinfo->args[1], .signature = fcinfo->args[2]};
	LcReceiver *receiver;
	int32 new_events = 0;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect does not work");
	receiver = only_receiver(request.channel);
	receiver->key = webhook_key_kept(receiver->channel_id, receiver->version);
	if (receiver->key == NULL)
		receiver->key = webhook_key_open(receiver->channel_id, receiver->version);
	if (receiver->key == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
		                errmsg("the signature cannot be checked: the channel has no channel_secret"),
		                errhint("SELECT linecrm.set_credential('CHANNEL', 'channel_secret', 'VALUE');")));
	request.receiver = receiver;
	take_requests(&request, 1, &receiver, &new_events);
	if (request.status != 200)
		ereport(ERROR, (errcode(request.error), errmsg("%s", request.problem), errhint("%s", request.hint)));
	SPI_finish();
	PG_RETURN_INT32(new_events);
}

/*
 * linecrm_internal.receive_webhooks(channels text[], bodies bytea[], signatures text[])
 * returns table (request_no integer, status integer, new_events integer, problem text)
 */
Datum
linecrm_receive_webhooks(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum *columns[3];
	bool *nulls[3];
	int count;
	LcRequest *requests;
	LcReceiver *receivers = NULL;
	int32 *new_events;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
		        (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("channels, bodies and signatures must not be NULL"),
		         errhint("Pass three arrays with one element for each request.")));
	InitMaterializedSRF(fcinfo, 0);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect does not work");
	count = unpack(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, &columns[0], &nulls[0]);
	if (unpack(PG_GETARG_ARRAYTYPE_P(1), BYTEAOID, &columns[1], &nulls[1]) != count ||
	    unpack(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, &columns[2], &nulls[2]) != count)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
		                errmsg("channels, bodies and signatures must be of the same length"),
		                errhint("Pass three arrays with one element for each request.")));
	requests = palloc0(Max(count, 1) * sizeof(LcRequest));
	new_events = palloc0(Max(count, 1) * sizeof(int32));
	for (int i = 0; i < count; i++)
	{
		requests[i].channel = (NullableDatum){columns[0][i], nulls[0][i]};
		requests[i].body = (NullableDatum){columns[1][i], nulls[1][i]};
		requests[i].signature = (NullableDatum){columns[2][i], nulls[2][i]};
	}
	take_requests(requests, count, &receivers, new_events);
	for (int i = 0; i < count; i++)
	{
		Datum row[4] = {Int32GetDatum(i + 1), Int32GetDatum(requests[i].status), Int32GetDatum(new_events[i])};
		bool row_nulls[4] = {false, false, false, requests[i].problem == NULL};

		if (requests[i].problem != NULL)
			row[3] = CStringGetTextDatum(requests[i].problem);
		tuplestore_putvalues(result->setResult, result->setDesc, row, row_nulls);
	}
	SPI_finish();
	return (Datum) 0;
}

/* Checks every request and stores the events of the good ones. */
static void
take_requests(LcRequest *requests, int count, LcReceiver **receivers, int32 *new_events)
{
	LcArrival *arrivals;
	Size total = 0;
	int filled = 0;

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		take_request(&requests[i], receivers);
		if (requests[i].status == 200)
			total += requests[i].parsed.event_count;
	}
	if (total > 0)
	{
		arrivals = MemoryContextAllocHuge(CurrentMemoryContext, total * sizeof(LcArrival));
		for (int i = 0; i < count; i++)
			for (int j = 0; requests[i].status == 200 && j < requests[i].parsed.event_count; j++)
				arrivals[filled++] = (LcArrival){.request = i,
				                                 .channel_id = requests[i].receiver->channel_id,
				                                 .event = &requests[i].parsed.events[j]};
		inbox_store(arrivals, filled, new_events);
		pfree(arrivals);
		wake_at_commit(LC_WAKE_CLERK);
	}
	learn_accounts(*receivers);
}

static void
take_request(LcRequest *request, LcReceiver **receivers)
{
	bytea *body;
	const char *problem;

	request->status = 200;
	if (request->receiver == NULL)
		request->receiver =
		    request->channel.isnull ? NULL : find_receiver(receivers, TextDatumGetCString(request->channel.value));
	if (request->receiver == NULL)
		refuse(request, 404, ERRCODE_UNDEFINED_OBJECT, "the request names no channel", "pass the name of a channel");
	else if (request->receiver->key == NULL)
		refuse(request, request->receiver->problem_status, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
		       request->receiver->problem, "see linecrm.channel");
	else if (request->body.isnull)
		refuse(request, 400, ERRCODE_NULL_VALUE_NOT_ALLOWED, "the request has no body",
		       "pass the bytes that were posted");
	if (request->status != 200)
		return;

	body = DatumGetByteaPP(request->body.value);
	if (VARSIZE_ANY_EXHDR(body) > LC_MAX_BODY)
		refuse(request, 400, ERRCODE_PROGRAM_LIMIT_EXCEEDED, psprintf("the body has more than %d bytes", LC_MAX_BODY),
		       "LINE sends nothing of this size");
	else
		check_signature(request, body);
	if (request->status != 200)
		return;
	problem = webhook_body_read(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body), &request->parsed);
	if (problem != NULL)
		refuse(request, 400, ERRCODE_INVALID_TEXT_REPRESENTATION, problem,
		       "The signature fits, so the body was made by LINE or by a holder of the channel secret. Nothing was "
		       "stored.");
	else
		check_destination(request);
}

static void
check_signature(LcRequest *request, bytea *body)
{
	text *signature = request->signature.isnull ? NULL : DatumGetTextPP(request->signature.value);

	if (signature == NULL)
		refuse(request, 401, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, "the request has no signature",
		       "pass the value of the header x-line-signature");
	else if (lc_signature_verify(request->receiver->key, VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body),
	                             VARDATA_ANY(signature), VARSIZE_ANY_EXHDR(signature)) != LC_SIGNATURE_VALID)
		refuse(request, 401, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, "the signature does not fit the body",
		       "It must be made over the bytes as they were posted, with the channel secret that was set last.");
}

/* The secret was the channel's; that the events are for its account too shows a mixed-up webhook URL or secret. */
static void
check_destination(LcRequest *request)
{
	LcReceiver *receiver = request->receiver;
	const char *destination = request->parsed.destination;
	uint8_t account[LC_USER_ID_SIZE];
	char expected[LC_ID_TEXT_SIZE + 1] = {0};

	if (destination == NULL || lc_user_id_parse(destination, strlen(destination), account) != LC_ID_OK)
		return;
	if (!receiver->account_known)
	{
		memcpy(receiver->account, account, LC_USER_ID_SIZE);
		receiver->account_known = receiver->account_new = true;
	}
	if (memcmp(receiver->account, account, LC_USER_ID_SIZE) == 0)
		return;
	lc_user_id_format(receiver->account, expected);
	refuse(request, 400, ERRCODE_INVALID_PARAMETER_VALUE,
	       psprintf("the webhook is for account %s, and this channel's account is %s", destination, expected),
	       "It is the webhook of another channel, or the wrong channel_secret was set: see linecrm.channel.");
}

static void
refuse(LcRequest *request, int status, int error, const char *problem, const char *hint)
{
	request->status = status;
	request->error = error;
	request->problem = problem;
	request->hint = hint;
}

/*
 * The channel of a request, loaded at its first mention in this call. The list is in the order of the ids, so that two
 * calls that learn several accounts lock the channels' rows in the same order.
 */
static LcReceiver *
find_receiver(LcReceiver **receivers, const char *name)
{
	LcReceiver *receiver;
	LcReceiver **place = receivers;
	NullableDatum argument = {CStringGetTextDatum(name), false};

	for (receiver = *receivers; receiver != NULL; receiver = receiver->next)
		if (strcmp(receiver->name, name) == 0)
			return receiver;
	receiver = load_receiver("SELECT c.channel_id, c.credential_version, c.bot_user_id FROM linecrm_internal.channel c "
	                         "WHERE c.name = btrim(normalize($1, NFKC), E' \\t\\r\\n')",
	                         argument);
	/* Another spelling of a channel that was named before: there is one key, which a newer secret would free. */
	while (*place != NULL && (*place)->channel_id < receiver->channel_id)
		place = &(*place)->next;
	if (receiver->channel_id != 0 && *place != NULL && (*place)->channel_id == receiver->channel_id)
		return *place;
	receiver->name = name;
	receiver->next = *place;
	*place = receiver;
	if (receiver->channel_id == 0 || !access_may_use(receiver->channel_id))
	{
		receiver->problem_status = 404;
		receiver->problem = psprintf("there is no channel \"%s\" that role \"%s\" may receive for", name,
		                             GetUserNameFromId(caller_role(), false));
		return receiver;
	}
	receiver->key = webhook_key_kept(receiver->channel_id, receiver->version);
	if (receiver->key == NULL)
		open_key_quietly(receiver);
	return receiver;
}

/* The channel of the form that raises: its name may be NULL, and an error tells all about it. */
static LcReceiver *
only_receiver(NullableDatum name)
{
	return load_receiver("SELECT c.channel_id, c.credential_version, c.bot_user_id FROM linecrm_internal.channel c "
	                     "WHERE c.channel_id = linecrm_internal._channel_id($1)",
	                     name);
}

static LcReceiver *
load_receiver(const char *query, NullableDatum name)
{
	LcReceiver *receiver = palloc0(sizeof(LcReceiver));
	Oid types[] = {TEXTOID};
	char nulls[] = {name.isnull ? 'n' : ' ', '\0'};
	SPITupleTable *table;
	bool isnull;
	Datum account;

	if (SPI_execute_with_args(query, 1, types, &name.value, nulls, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look up the channel");
	if (SPI_processed == 0)
		return receiver;
	table = SPI_tuptable;
	receiver->channel_id = DatumGetInt64(SPI_getbinval(table->vals[0], table->tupdesc, 1, &isnull));
	receiver->version = DatumGetInt64(SPI_getbinval(table->vals[0], table->tupdesc, 2, &isnull));
	account = SPI_getbinval(table->vals[0], table->tupdesc, 3, &isnull);
	receiver->account_known = !isnull;
	if (!isnull)
		memcpy(receiver->account, DatumGetPointer(account), LC_USER_ID_SIZE);
	SPI_freetuptable(table);
	return receiver;
}

/*
 * Opens the secret for the form that answers: what goes wrong with one channel is the problem of that channel's
 * requests. A subtransaction, because the error may come from anywhere below; once in a backend's life for each channel
 * and secret.
 */
static void
open_key_quietly(LcReceiver *receiver)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		receiver->key = webhook_key_open(receiver->channel_id, receiver->version);
		ReleaseCurrentSubTransaction();
		receiver->problem_status = 401;
		receiver->problem = "the signature cannot be checked: the channel has no channel_secret";
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		receiver->problem_status = 503;
		receiver->problem = psprintf("the signature cannot be checked: %s", error->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

/* The first verified webhook tells which account the channel is. */
static void
learn_accounts(LcReceiver *receivers)
{
	for (LcReceiver *receiver = receivers; receiver != NULL; receiver = receiver->next)
	{
		char account[LC_ID_TEXT_SIZE + 1] = {0};
		Oid types[] = {INT8OID, TEXTOID};
		Datum values[2];

		if (!receiver->account_new)
			continue;
		lc_user_id_format(receiver->account, account);
		values[0] = Int64GetDatum(receiver->channel_id);
		values[1] = CStringGetTextDatum(account);
		if (SPI_execute_with_args("UPDATE linecrm_internal.channel AS c SET bot_user_id = linecrm.try_line_user_id($2) "
		                          "WHERE c.channel_id = $1 AND c.bot_user_id IS NULL",
		                          2, types, values, NULL, false, 0) != SPI_OK_UPDATE)
			elog(ERROR, "could not store the account of a channel");
	}
}

static int
unpack(ArrayType *array, Oid type, Datum **items, bool **nulls)
{
	int count;

	deconstruct_array(array, type, -1, false, TYPALIGN_INT, items, nulls, &count);
	return count;
}
