/*
 * id.c
 *		Codec of user ids and check of chat ids. Pure functions, called per row by the line_user_id type: no allocation,
 *		no locale.
 */
#include "id.h"

static LcIdStatus decode_digits(const char *digits, uint8_t out[LC_USER_ID_SIZE]);
static int digit_value(char c);

LcIdStatus
lc_user_id_parse(const char *text, size_t size, uint8_t out[LC_USER_ID_SIZE])
{
	if (size != LC_ID_TEXT_SIZE)
		return LC_ID_BAD_LENGTH;
	if (text[0] != 'U')
		return LC_ID_BAD_PREFIX;
	return decode_digits(text + 1, out);
}

void
lc_user_id_format(const uint8_t id[LC_USER_ID_SIZE], char out[LC_ID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	out[0] = 'U';
	for (int i = 0; i < LC_USER_ID_SIZE; i++)
	{
		out[1 + 2 * i] = digits[id[i] >> 4];
		out[2 + 2 * i] = digits[id[i] & 15];
	}
}

LcChatKind
lc_chat_id_kind(const char *text, size_t size, LcIdStatus *status)
{
	LcChatKind kind = LC_CHAT_NONE;
	LcIdStatus found = LC_ID_BAD_LENGTH;
	uint8_t ignored[LC_USER_ID_SIZE];

	if (size == LC_ID_TEXT_SIZE)
	{
		kind = text[0] == 'U'   ? LC_CHAT_USER
		       : text[0] == 'C' ? LC_CHAT_GROUP
		       : text[0] == 'R' ? LC_CHAT_ROOM
		                        : LC_CHAT_NONE;
		found = kind == LC_CHAT_NONE ? LC_ID_BAD_PREFIX : decode_digits(text + 1, ignored);
	}
	if (status != NULL)
		*status = found;
	return found == LC_ID_OK ? kind : LC_CHAT_NONE;
}

static LcIdStatus
decode_digits(const char *digits, uint8_t out[LC_USER_ID_SIZE])
{
	uint8_t bytes[LC_USER_ID_SIZE];
	LcIdStatus status = LC_ID_OK;

	for (int i = 0; i < 2 * LC_USER_ID_SIZE; i++)
	{
		int value = digit_value(digits[i]);

		if (value < 0)
		{
			/* a wrong character outweighs a wrong case: the id would not be one in lower case either */
			if (digits[i] < 'A' || digits[i] > 'F')
				return LC_ID_BAD_CHARACTER;
			status = LC_ID_UPPER_CASE;
			continue;
		}
		if (i % 2 == 0)
			bytes[i / 2] = (uint8_t) (value << 4);
		else if (status == LC_ID_OK)
			bytes[i / 2] |= (uint8_t) value;
	}
	if (status == LC_ID_OK)
		for (int i = 0; i < LC_USER_ID_SIZE; i++)
			out[i] = bytes[i];
	return status;
}

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}
