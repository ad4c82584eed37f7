/*
 * credential.h
 *		Secrets of channels, sealed in the table credential, opened for the moment of use.
 */
#ifndef LINECRM_CREDENTIAL_H
#define LINECRM_CREDENTIAL_H

#define LC_SECRET_MAX 4096 /* bytes; LINE's longest tokens are below 1,000 */

#define LC_CREDENTIAL_CHANNEL_SECRET "channel_secret"
#define LC_CREDENTIAL_ACCESS_TOKEN "access_token"

/* An opened secret. Lives on a stack, is never copied, and is wiped after use. */
typedef struct LcSecret
{
	size_t length;
	char value[LC_SECRET_MAX + 1]; /* NUL-terminated */
} LcSecret;

/*
 * Opens a channel's secret of a kind. False when none was set; throws when there is one that cannot be opened (key file
 * missing or another one). Needs an SPI connection and a snapshot; the caller wipes the secret.
 */
extern bool credential_open(int64 channel_id, const char *kind, LcSecret *secret);

extern void credential_wipe(LcSecret *secret);

#endif
