/* Any text: what is taken comes back the same, and the two parsers agree. */
#include "entry.h"

#include <string.h>

#include "line/id.h"

void
fuzz_id(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	uint8_t id[LC_USER_ID_SIZE];
	char again[LC_ID_TEXT_SIZE];
	LcIdStatus status;
	LcIdStatus parsed = lc_user_id_parse(text, size, id);
	LcChatKind kind = lc_chat_id_kind(text, size, &status);

	MUST((kind == LC_CHAT_USER) == (parsed == LC_ID_OK));
	MUST((kind != LC_CHAT_NONE) == (status == LC_ID_OK));
	if (parsed != LC_ID_OK)
		return;
	lc_user_id_format(id, again);
	MUST(size == sizeof(again) && memcmp(text, again, sizeof(again)) == 0);
}
