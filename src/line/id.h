/*
 * id.h
 *		LINE's ids of people and chats.
 *
 *		A user id is 'U' and 32 lower-case hexadecimal digits, `U[0-9a-f]{32}` (reference, "Common properties" of
 *		webhook events and `userId` of the profile); a group 'C', a room 'R' and the same digits (FAQ on userId, groupId
 *		and roomId). Ids of users in module channels (68 characters) are another thing and are refused here.
 */
#ifndef LC_ID_H
#define LC_ID_H

#include <stddef.h>
#include <stdint.h>

#define LC_USER_ID_SIZE 16 /* bytes, the digits decoded; byte order = text order */
#define LC_ID_TEXT_SIZE 33 /* characters of the text form, without a terminating NUL */

typedef enum LcIdStatus
{
	LC_ID_OK,
	LC_ID_BAD_LENGTH,   /* not exactly 33 characters */
	LC_ID_BAD_PREFIX,   /* the first one is not the letter of that kind */
	LC_ID_UPPER_CASE,   /* A to F: LINE's ids are lower case, and a join by text would not match */
	LC_ID_BAD_CHARACTER /* not a hexadecimal digit */
} LcIdStatus;

typedef enum LcChatKind
{
	LC_CHAT_NONE,
	LC_CHAT_USER,
	LC_CHAT_GROUP,
	LC_CHAT_ROOM
} LcChatKind;

/* Text (not NUL-terminated) to 16 bytes; out is written only when the result is LC_ID_OK. */
extern LcIdStatus lc_user_id_parse(const char *text, size_t size, uint8_t out[LC_USER_ID_SIZE]);

/* 16 bytes to exactly 33 characters, no NUL. */
extern void lc_user_id_format(const uint8_t id[LC_USER_ID_SIZE], char out[LC_ID_TEXT_SIZE]);

/* What kind of chat a well-formed id names; LC_CHAT_NONE and the reason in *status (may be NULL) when it is none. */
extern LcChatKind lc_chat_id_kind(const char *text, size_t size, LcIdStatus *status);

#endif
