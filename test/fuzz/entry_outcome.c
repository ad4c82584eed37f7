/* Kind, status (two bytes), situation, and a body: the promises of outcome.h. */
#include "entry.h"

#include <string.h>
#include <unistr.h>

#include "line/outcome.h"

static void
must_be_printable(const char *text, size_t room)
{
	MUST(memchr(text, '\0', room) != NULL);
	MUST(u8_check((const uint8_t *) text, strlen(text)) == NULL);
	for (; *text != '\0'; text++)
		MUST((unsigned char) *text >= 0x20 && *text != 0x7f);
}

void
fuzz_outcome(const uint8_t *data, size_t size)
{
	const LcRequestKind *kind;
	LcAnswer answer;
	LcSituation situation;
	LcOutcome out;
	bool send;

	if (size < 4)
		return;
	kind = &lc_request_kinds[data[0] % lc_request_kind_count];
	answer.status = (data[1] << 8 | data[2]) % 700;
	answer.transport = (LcTransport) (data[3] % 3);
	answer.body = (const char *) data + 4;
	answer.body_size = size - 4;
	situation.in_doubt = (data[3] & 4) != 0;
	situation.content_validated = (data[3] & 8) != 0;
	situation.recipients = data[3] >> 4;
	lc_outcome(kind, &answer, &situation, &out);

	send = lc_kind_has(kind, LC_KIND_SEND);
	MUST(lc_verdict_name(out.verdict) != NULL);
	MUST(!(out.sets_doubt && out.restores_doubt));
	MUST(lc_verdict_is_final(out.verdict) == (!out.sets_doubt && !out.restores_doubt));
	MUST(!(send && situation.in_doubt) ||
		 (out.verdict != LC_REJECTED && out.verdict != LC_SPLIT && out.verdict != LC_HOLD_DELIVERY));
	MUST(out.verdict != LC_RETRY_AMBIGUOUS || lc_kind_has(kind, LC_KIND_RETRY_KEY));
	MUST(out.verdict != LC_SPLIT || situation.recipients > 1);
	MUST(out.error.detail_count >= 0 && out.error.detail_count <= LC_ERROR_DETAILS);
	must_be_printable(out.error.message, sizeof(out.error.message));
	for (int i = 0; i < LC_ERROR_DETAILS; i++)
	{
		must_be_printable(out.error.details[i].message, sizeof(out.error.details[i].message));
		must_be_printable(out.error.details[i].property, sizeof(out.error.details[i].property));
	}
}
