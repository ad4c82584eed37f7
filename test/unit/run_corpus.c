/* Every file of the fuzzers' corpus, through the fuzzers' own entry points, whole and cut short. */
#include "check.h"

#include <dirent.h>
#include <stdlib.h>

#include "../fuzz/entry_id.c"
#include "../fuzz/entry_message_limits.c"
#include "../fuzz/entry_outcome.c"
#include "../fuzz/entry_request_body.c"
#include "../fuzz/entry_request_path.c"
#include "../fuzz/entry_signature.c"

static const struct
{
	const char *name;
	void (*entry)(const uint8_t *data, size_t size);
} targets[] = {
	{"id", fuzz_id},			 {"message_limits", fuzz_message_limits}, {"outcome", fuzz_outcome},
	{"signature", fuzz_signature}, {"request_body", fuzz_request_body},	  {"request_path", fuzz_request_path},
};

/* The exact bytes on the heap, so that a read behind the end is seen. */
static void
play(void (*entry)(const uint8_t *data, size_t size), const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	memcpy(copy, data, size);
	entry(copy, size);
	free(copy);
}

static int
play_file(void (*entry)(const uint8_t *data, size_t size), const char *path)
{
	static uint8_t data[65536];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (file == NULL)
		return 0;
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	for (size_t cut = 0; cut <= size; cut += 1 + size / 512)
		play(entry, data, cut);
	play(entry, data, size);
	return 1;
}

int
main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	int length = slash == NULL ? 1 : (int) (slash - argv[0]);
	const char *here = slash == NULL ? "." : argv[0];

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
	{
		char path[4096];
		DIR *dir;
		struct dirent *item;
		int files = 0;

		snprintf(path, sizeof(path), "%.*s/../fuzz/corpus/%s", length, here, targets[i].name);
		dir = opendir(path);
		CHECK_ROW(dir != NULL, path);
		while (dir != NULL && (item = readdir(dir)) != NULL)
		{
			char file[4096];

			if (item->d_name[0] == '.')
				continue;
			if (snprintf(file, sizeof(file), "%.*s/../fuzz/corpus/%s/%s", length, here, targets[i].name, item->d_name) <
				(int) sizeof(file))
				files += play_file(targets[i].entry, file);
		}
		if (dir != NULL)
			closedir(dir);
		CHECK_ROW(files > 0, targets[i].name);
	}
	return check_summary();
}
