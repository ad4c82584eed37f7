/* libFuzzer's entry; the target itself is in entry_friendset_format.c, which the unit tests share. */
#include "entry.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_friendset_format(data, size);
	return 0;
}
