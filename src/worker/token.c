/*
 * token.c
 *		The access tokens of channels, in the sender's memory: opened when first needed and when the channel's credentials
 *		changed, inside the claim's transaction.
 *
 * Opening can fail for reasons that a person must mend: the key file is missing, or another one. That must not stop the
 * other channels, so it happens in a subtransaction, and such a channel simply has no token: flight.c then holds it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "crm/credential.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "worker/token.h"
#include "worker/worker.h"

static bool open_token(LcChannel *channel, int64 credential_version);

/* Makes channel->token what is stored now; NULL if there is none or it cannot be opened. */
void
token_refresh(LcChannel *channel, int64 credential_version)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	if (channel->token != NULL && channel->credential_version == credential_version)
		return;
	channel_set_token(channel, NULL, credential_version);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		(void) open_token(channel, credential_version);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		shmem_note_error(my_worker, error->message);
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

static bool
open_token(LcChannel *channel, int64 credential_version)
{
	LcSecret secret;

	if (!credential_open(channel->channel_id, LC_CREDENTIAL_ACCESS_TOKEN, &secret))
		return false;
	channel_set_token(channel, secret.value, credential_version);
	credential_wipe(&secret);
	return true;
}
