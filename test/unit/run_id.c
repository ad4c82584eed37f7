/* id.c: both directions of the codec, each way of being wrong, and the kinds of chats. */
#include "check.h"

#include "line/id.h"

#define DIGITS "8e742f61d673b39c7fff3cecb7536ef0"

static const struct
{
	const char *text;
	LcIdStatus status;
} user_ids[] = {
	{"U" DIGITS, LC_ID_OK},
	{"U00000000000000000000000000000000", LC_ID_OK},
	{"Uffffffffffffffffffffffffffffffff", LC_ID_OK},
	{"", LC_ID_BAD_LENGTH},
	{"U", LC_ID_BAD_LENGTH},
	{DIGITS, LC_ID_BAD_LENGTH},
	{"U" DIGITS "0", LC_ID_BAD_LENGTH},
	{"U" DIGITS " ", LC_ID_BAD_LENGTH},
	{" U8e742f61d673b39c7fff3cecb7536ef", LC_ID_BAD_PREFIX},
	{"u" DIGITS, LC_ID_BAD_PREFIX},
	{"C" DIGITS, LC_ID_BAD_PREFIX},
	{"R" DIGITS, LC_ID_BAD_PREFIX},
	{"U8E742F61D673B39C7FFF3CECB7536EF0", LC_ID_UPPER_CASE},
	{"U8e742f61d673b39c7fff3cecb7536eF0", LC_ID_UPPER_CASE},
	{"U8e742f61d673b39c7fff3cecb7536efg", LC_ID_BAD_CHARACTER},
	{"U8E742f61d673b39c7fff3cecb7536ef-", LC_ID_BAD_CHARACTER}, /* not "upper case": it would be none in lower case */
	{"U8e742f61d673b39c7fff3cecb7536e\xe3\x81", LC_ID_BAD_CHARACTER},
	{"U/e742f61d673b39c7fff3cecb7536ef0", LC_ID_BAD_CHARACTER},
	{"U:e742f61d673b39c7fff3cecb7536ef0", LC_ID_BAD_CHARACTER},
	{"U`e742f61d673b39c7fff3cecb7536ef0", LC_ID_BAD_CHARACTER},
	{"U@e742f61d673b39c7fff3cecb7536ef0", LC_ID_BAD_CHARACTER},
	{"UGe742f61d673b39c7fff3cecb7536ef0", LC_ID_BAD_CHARACTER},
};

static void
test_user_ids(void)
{
	for (size_t i = 0; i < sizeof(user_ids) / sizeof(user_ids[0]); i++)
	{
		uint8_t id[LC_USER_ID_SIZE];
		char text[LC_ID_TEXT_SIZE];

		memset(id, 0xaa, sizeof(id));
		CHECK_INT_ROW(lc_user_id_parse(user_ids[i].text, strlen(user_ids[i].text), id), user_ids[i].status,
					  user_ids[i].text);
		if (user_ids[i].status == LC_ID_OK)
		{
			lc_user_id_format(id, text);
			CHECK_ROW(memcmp(text, user_ids[i].text, sizeof(text)) == 0, user_ids[i].text);
		}
		else
			CHECK_ROW(id[0] == 0xaa && id[15] == 0xaa, user_ids[i].text);
	}
	CHECK_INT(lc_user_id_parse("U8e742f61d673b39c\0fff3cecb7536ef0", 33, (uint8_t[16]){0}), LC_ID_BAD_CHARACTER);
}

static void
test_bytes(void)
{
	uint8_t id[LC_USER_ID_SIZE];

	CHECK_INT(lc_user_id_parse("U000102030405060708090a0b0c0d0eff", 33, id), LC_ID_OK);
	for (int i = 0; i < 15; i++)
		CHECK_INT(id[i], i);
	CHECK_INT(id[15], 255);
}

static void
test_chats(void)
{
	LcIdStatus status;

	CHECK_INT(lc_chat_id_kind("U" DIGITS, 33, &status), LC_CHAT_USER);
	CHECK_INT(status, LC_ID_OK);
	CHECK_INT(lc_chat_id_kind("C" DIGITS, 33, NULL), LC_CHAT_GROUP);
	CHECK_INT(lc_chat_id_kind("R" DIGITS, 33, NULL), LC_CHAT_ROOM);
	CHECK_INT(lc_chat_id_kind("X" DIGITS, 33, &status), LC_CHAT_NONE);
	CHECK_INT(status, LC_ID_BAD_PREFIX);
	CHECK_INT(lc_chat_id_kind("C8E742F61D673B39C7FFF3CECB7536EF0", 33, &status), LC_CHAT_NONE);
	CHECK_INT(status, LC_ID_UPPER_CASE);
	CHECK_INT(lc_chat_id_kind("C", 1, &status), LC_CHAT_NONE);
	CHECK_INT(status, LC_ID_BAD_LENGTH);
	CHECK_INT(lc_chat_id_kind(NULL, 0, &status), LC_CHAT_NONE);
}

int
main(void)
{
	test_user_ids();
	test_bytes();
	test_chats();
	return check_summary();
}
