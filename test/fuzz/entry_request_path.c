/* First byte: the kind; second: size of the buffer; the rest: JSON of parameters. A path never leaves its endpoint. */
#include "entry.h"

#include <string.h>

#include "line/request_kind.h"

void
fuzz_request_path(const uint8_t *data, size_t size)
{
	const LcRequestKind *kind;
	char path[1024];
	size_t room;
	size_t fixed;

	if (size < 2)
		return;
	kind = &lc_request_kinds[data[0] % lc_request_kind_count];
	room = (size_t) data[1] * 4;
	memset(path, 'x', sizeof(path));
	if (lc_request_path_json(kind, (const char *) data + 2, size - 2, path, room) != LC_PATH_OK)
	{
		MUST(room == 0 || path[0] == '\0');
		return;
	}
	fixed = strcspn(kind->path, "{?");
	MUST(strlen(path) < room && strncmp(path, kind->path, fixed) == 0);
	MUST(strstr(path, "/../") == NULL && strstr(path, "/./") == NULL && strstr(path, "//") == NULL);
	for (const char *c = path; *c != '\0'; c++)
		MUST(*c > 0x20 && *c < 0x7f && *c != '#' && *c != '{' && *c != '"' && *c != '\\');
}
