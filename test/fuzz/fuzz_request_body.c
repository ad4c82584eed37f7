/* libFuzzer's entry; the target itself is in entry_request_body.c, which the unit tests share. */
#include "entry.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_request_body(data, size);
	return 0;
}
