/*
 * token.h
 *		The access tokens of channels, in the sender's memory.
 */
#ifndef LINECRM_TOKEN_H
#define LINECRM_TOKEN_H

#include "worker/channels.h"

extern void token_refresh(LcChannel *channel, int64 credential_version);

#endif
