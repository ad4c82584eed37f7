/*
 * friendset.h
 *		What the C files of the type friendset share: arguments in, results out.
 */
#ifndef LINECRM_FRIENDSET_H
#define LINECRM_FRIENDSET_H

#include "line/friendset_build.h"

/* palloc, pfree and CHECK_FOR_INTERRUPTS for the plain C code. */
extern const LcFriendsetHost friendset_host;

/* A datum of the type, detoasted if need be, as a set to read; set->bytes lies in the returned varlena. */
extern struct varlena *friendset_open(Datum datum, LcFriendset *set);

/* Takes the set out of a builder, into a datum in the current memory context. */
extern Datum friendset_result(LcBuilder *builder);
extern Datum friendset_of_bytes(const uint8_t *bytes, size_t size);

/* The id as the set holds it; an error if it is none. */
extern uint32_t friendset_id(int64 friend_id);

/* Bytes from outside: checked, and written again in the canonical form. */
extern Datum friendset_from_foreign(const uint8_t *bytes, size_t size);

#endif
