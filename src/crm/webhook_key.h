/*
 * webhook_key.h
 *		Channel secrets ready for checking signatures, kept by this backend.
 */
#ifndef LINECRM_WEBHOOK_KEY_H
#define LINECRM_WEBHOOK_KEY_H

#include "line/signature.h"

/* The kept key of a channel at a version of its credentials, or NULL. */
extern LcSignatureKey *webhook_key_kept(int64 channel_id, int64 version);

/*
 * Opens the channel's secret and keeps its key. NULL when no secret is set. Throws when it cannot be opened. Needs an
 * SPI connection.
 */
extern LcSignatureKey *webhook_key_open(int64 channel_id, int64 version);

#endif
