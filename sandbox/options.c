/*
 * options.c
 *		The command line: options, channels with their tokens, people, faults.
 *
 * Runs before any thread exists. What cannot be used is an error with the option's name; nothing is guessed.
 */
#include "options.h"
#include "fault.h"
#include "state.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "linecrm-sandbox: a local stand-in for the LINE Messaging API, with faults on demand\n"
    "\n"
    "Usage: linecrm-sandbox [options]\n"
    "       linecrm-sandbox webhooks [options]    makes signed webhooks; see linecrm-sandbox webhooks --help\n"
    "\n"
    "  --port N               port, 0 for a free one (default 8910)\n"
    "  --listen ADDRESS       default 127.0.0.1\n"
    "  --log FILE             one JSON line per sending call; an existing log is read again at start\n"
    "  --fresh                empties the log instead\n"
    "  --token [NAME=]TOKEN   an access token of channel NAME (default main); without any, every token is taken\n"
    "  --channel NAME=ID:SECRET   channel id and secret for the token endpoints\n"
    "  --assertion-key NAME=FILE  public key (PEM) that the channel's JWT assertions are signed with\n"
    "  --quota [NAME=]N       monthly limit in messages (default none)\n"
    "  --friends [NAME=]N     N made-up people who follow; ids depend on --seed\n"
    "  --friends-file [NAME=]FILE  lines: user id, tab, status (following, blocked, foreign, deleted), tab, name\n"
    "  --unlisted WHO         people nobody listed are: friends (default) or foreign (push answers 400)\n"
    "  --multicast-foreign    a multicast with a foreign id answers 400 (default: left out silently)\n"
    "  --no-followers         followers/ids answers 403, as for accounts that are not verified\n"
    "  --group-members N      size of every group (default 3)\n"
    "  --rate-limits on|off   LINE's rate limits (default on)\n"
    "  --burst X              a rate bucket holds X windows' worth (default 1)\n"
    "  --latency-ms N         every answer takes N ms longer\n"
    "  --key-life SECONDS     how long retry keys are remembered (default 86400)\n"
    "  --reply-life SECONDS   life of registered reply tokens (default 60)\n"
    "  --narrowcast-ms N      how long a narrowcast runs (default 1000)\n"
    "  --fault SPEC           ENDPOINT:kind=KIND:...  e.g. push:p=0.05:kind=500_after (see --help-faults)\n"
    "  --seed N               for made-up people and random faults (default 1)\n"
    "  --threads N            server threads (default 1)\n"
    "  --max-connections N    default 20000\n"
    "  --tls-cert FILE --tls-key FILE   PEM; serves HTTPS\n";

static const char fault_usage[] =
    "A fault is ENDPOINT:name=value:...\n"
    "  ENDPOINT     push, multicast, reply, narrowcast, broadcast, validate, profile, quota... or *\n"
    "  kind=KIND    what happens (below); kind=delay=200 and kind=500_before=503 set time or status at once\n"
    "  p=0.05       with this probability\n"
    "  nth=3        only the third request that matches; every=10: each tenth\n"
    "  attempt=1    only the first (second...) request with its retry key\n"
    "  count=5      at most five times; for=30: for thirty seconds\n"
    "  channel=NAME, user=U..., body=WORDS   only requests of, to, containing\n"
    "  ms=200       delays and slow_drip; status=503; index=7: which to[n] or messages[n] is named\n"
    "  form=details 400_to names the culprit in details instead of the message\n"
    "Kinds: ";

enum
{
	OPT_FIRST = 256,
	OPT_PORT,
	OPT_LISTEN,
	OPT_LOG,
	OPT_FRESH,
	OPT_TOKEN,
	OPT_CHANNEL,
	OPT_ASSERTION_KEY,
	OPT_QUOTA,
	OPT_FRIENDS,
	OPT_FRIENDS_FILE,
	OPT_UNLISTED,
	OPT_MULTICAST_FOREIGN,
	OPT_NO_FOLLOWERS,
	OPT_GROUP_MEMBERS,
	OPT_RATE_LIMITS,
	OPT_BURST,
	OPT_LATENCY,
	OPT_KEY_LIFE,
	OPT_REPLY_LIFE,
	OPT_NARROWCAST,
	OPT_FAULT,
	OPT_SEED,
	OPT_THREADS,
	OPT_MAX_CONNECTIONS,
	OPT_TLS_CERT,
	OPT_TLS_KEY,
	OPT_HELP,
	OPT_HELP_FAULTS
};

static const struct option long_options[] = {{"port", 1, NULL, OPT_PORT},
                                             {"listen", 1, NULL, OPT_LISTEN},
                                             {"log", 1, NULL, OPT_LOG},
                                             {"fresh", 0, NULL, OPT_FRESH},
                                             {"token", 1, NULL, OPT_TOKEN},
                                             {"channel", 1, NULL, OPT_CHANNEL},
                                             {"assertion-key", 1, NULL, OPT_ASSERTION_KEY},
                                             {"quota", 1, NULL, OPT_QUOTA},
                                             {"friends", 1, NULL, OPT_FRIENDS},
                                             {"friends-file", 1, NULL, OPT_FRIENDS_FILE},
                                             {"unlisted", 1, NULL, OPT_UNLISTED},
                                             {"multicast-foreign", 0, NULL, OPT_MULTICAST_FOREIGN},
                                             {"no-followers", 0, NULL, OPT_NO_FOLLOWERS},
                                             {"group-members", 1, NULL, OPT_GROUP_MEMBERS},
                                             {"rate-limits", 1, NULL, OPT_RATE_LIMITS},
                                             {"burst", 1, NULL, OPT_BURST},
                                             {"latency-ms", 1, NULL, OPT_LATENCY},
                                             {"key-life", 1, NULL, OPT_KEY_LIFE},
                                             {"reply-life", 1, NULL, OPT_REPLY_LIFE},
                                             {"narrowcast-ms", 1, NULL, OPT_NARROWCAST},
                                             {"fault", 1, NULL, OPT_FAULT},
                                             {"seed", 1, NULL, OPT_SEED},
                                             {"threads", 1, NULL, OPT_THREADS},
                                             {"max-connections", 1, NULL, OPT_MAX_CONNECTIONS},
                                             {"tls-cert", 1, NULL, OPT_TLS_CERT},
                                             {"tls-key", 1, NULL, OPT_TLS_KEY},
                                             {"help", 0, NULL, OPT_HELP},
                                             {"help-faults", 0, NULL, OPT_HELP_FAULTS},
                                             {NULL, 0, NULL, 0}};

static bool followers_refused;

static bool
complain(const char *what, const char *value)
{
	fprintf(stderr, "linecrm-sandbox: %s: \"%s\"\n", what, value);
	return false;
}

static bool
read_number(const char *text, double low, double high, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return *text && !*end && *out >= low && *out <= high;
}

/* Cuts NAME= off; a name is short and plain, so that a token with "=" in it is not mistaken for one. */
static int
split_channel(const char **value)
{
	const char *equals = strchr(*value, '=');
	size_t len = equals ? (size_t) (equals - *value) : 0;
	char name[64] = "main";

	if (equals && equals[1] && equals[1] != '=' && len > 0 && len < sizeof(name))
	{
		snprintf(name, sizeof(name), "%.*s", (int) len, *value);
		*value = equals + 1;
	}
	return channel_make(name);
}

static char *
read_text_file(const char *path)
{
	FILE *f = fopen(path, "r");
	Buf b = {0};
	int c;

	if (!f)
		return NULL;
	while ((c = getc(f)) != EOF)
	{
		char byte = (char) c;

		buf_add(&b, &byte, 1);
	}
	buf_add(&b, "", 1);
	fclose(f);
	return b.data;
}

static bool
read_friends_file(int channel, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	int number = 0;

	if (!f)
		return complain("could not read", path);
	while (getline(&line, &room, f) > 0)
	{
		char *rest = line, *id = strsep(&rest, "\t\r\n"), *status = strsep(&rest, "\t\r\n");
		char *name = strsep(&rest, "\t\r\n");
		PersonStatus s = status && *status ? status_by_name(status) : PERSON_FOLLOWING;
		uint8_t key[LINE_ID_KEY];

		number++;
		if (!*id)
			continue;
		if (!line_id_parse(id, strlen(id), key) || s == PERSON_UNLISTED)
		{
			fprintf(stderr, "linecrm-sandbox: %s line %d: expected user id, tab, status, tab, name\n", path, number);
			fclose(f);
			return false;
		}
		person_set(channel, key, s, name);
	}
	free(line);
	fclose(f);
	return true;
}

static bool
add_friends(int channel, const char *value)
{
	double n;
	uint8_t key[LINE_ID_KEY];

	if (!read_number(value, 0, 50000000, &n))
		return complain("--friends takes a number up to 50000000", value);
	for (uint64_t i = 0; i < (uint64_t) n; i++)
	{
		made_line_id(options.seed, i, key);
		person_set(channel, key, PERSON_FOLLOWING, NULL);
	}
	return true;
}

/* Options that belong to a channel. */
static bool
channel_option(int option, const char *given)
{
	const char *value = given;
	int channel = split_channel(&value);
	Channel *c = &state.channels[channel < 0 ? 0 : channel];
	const char *colon = strchr(value, ':');
	double n;

	if (channel < 0)
		return complain("unusable channel name", given);
	switch (option)
	{
		case OPT_TOKEN:
			token_add(value, channel, "static", 0);
			state.any_token = false;
			return true;
		case OPT_CHANNEL:
			if (!colon)
				return complain("--channel takes NAME=ID:SECRET", given);
			c->channel_id = strndup(value, (size_t) (colon - value));
			c->secret = must_strdup(colon + 1);
			return true;
		case OPT_ASSERTION_KEY:
			c->assertion_key = read_text_file(value);
			return c->assertion_key || complain("could not read", value);
		case OPT_QUOTA:
			if (!read_number(value, 0, 1e15, &n))
				return complain("--quota takes a number", given);
			c->quota = (int64_t) n;
			return true;
		case OPT_FRIENDS:
			return add_friends(channel, value);
		default:
			return read_friends_file(channel, value);
	}
}

static bool
number_option(int option, const char *value)
{
	double n;

	if (!read_number(value, 0, 1e15, &n))
		return complain("expected a number", value);
	switch (option)
	{
		case OPT_PORT:
			if (n > 65535)
				return complain("--port takes 0 to 65535", value);
			options.port = (int) n;
			break;
		case OPT_GROUP_MEMBERS:
			options.group_members = (int) n;
			break;
		case OPT_BURST:
			options.burst = n;
			break;
		case OPT_LATENCY:
			options.latency_ms = (int64_t) n;
			break;
		case OPT_KEY_LIFE:
			options.key_life_ms = (int64_t) (n * 1000);
			break;
		case OPT_REPLY_LIFE:
			options.reply_life_ms = (int64_t) (n * 1000);
			break;
		case OPT_NARROWCAST:
			options.narrowcast_ms = (int64_t) n;
			break;
		case OPT_SEED:
			options.seed = (uint64_t) n;
			random_seed(options.seed);
			break;
		case OPT_THREADS:
			options.threads = n < 1 ? 1 : (int) n;
			break;
		default:
			options.max_connections = (int) n;
	}
	return true;
}

static bool
word_option(int option, const char *value)
{
	char error[300];

	switch (option)
	{
		case OPT_UNLISTED:
			if (strcmp(value, "friends") != 0 && strcmp(value, "foreign") != 0)
				return complain("--unlisted takes friends or foreign", value);
			options.unlisted_foreign = strcmp(value, "foreign") == 0;
			return true;
		case OPT_RATE_LIMITS:
			if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
				return complain("--rate-limits takes on or off", value);
			options.rate_limits = strcmp(value, "on") == 0;
			return true;
		default:
			if (fault_add(value, error, sizeof(error)))
				return true;
			fprintf(stderr, "linecrm-sandbox: %s\n", error);
			return false;
	}
}

static void
print_help(bool faults)
{
	Buf kinds = {0};

	if (!faults)
	{
		fputs(usage, stdout);
		return;
	}
	fault_kinds(&kinds);
	printf("%s%.*s\n", fault_usage, (int) kinds.len, kinds.data);
	buf_free(&kinds);
}

static bool
take_option(int option, const char *value)
{
	switch (option)
	{
		case OPT_LISTEN:
			options.listen = value;
			return true;
		case OPT_LOG:
			options.log_path = value;
			return true;
		case OPT_FRESH:
			options.fresh = true;
			return true;
		case OPT_MULTICAST_FOREIGN:
			options.multicast_foreign = true;
			return true;
		case OPT_NO_FOLLOWERS:
			followers_refused = true;
			return true;
		case OPT_TLS_CERT:
			options.tls_cert = value;
			return true;
		case OPT_TLS_KEY:
			options.tls_key = value;
			return true;
		case OPT_UNLISTED:
		case OPT_RATE_LIMITS:
		case OPT_FAULT:
			return word_option(option, value);
		case OPT_TOKEN:
		case OPT_CHANNEL:
		case OPT_ASSERTION_KEY:
		case OPT_QUOTA:
		case OPT_FRIENDS:
		case OPT_FRIENDS_FILE:
			return channel_option(option, value);
		case OPT_HELP:
		case OPT_HELP_FAULTS:
			print_help(option == OPT_HELP_FAULTS);
			exit(0);
		case '?':
			fprintf(stderr, "Try \"linecrm-sandbox --help\".\n");
			return false;
		default:
			return number_option(option, value);
	}
}

/* The seed first: --friends may stand before --seed. */
static void
read_seed(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--seed") == 0)
			options.seed = strtoull(argv[i + 1], NULL, 10);
	random_seed(options.seed);
}

bool
options_read(int argc, char **argv)
{
	int option;

	options = (Options){.port = 8910,
	                    .listen = "127.0.0.1",
	                    .threads = 1,
	                    .max_connections = 20000,
	                    .rate_limits = true,
	                    .burst = 1,
	                    .key_life_ms = INT64_C(86400000),
	                    .reply_life_ms = 60000,
	                    .narrowcast_ms = 1000,
	                    .group_members = 3,
	                    .seed = 1};
	state.any_token = true;
	read_seed(argc, argv);
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		if (!take_option(option, optarg))
			return false;
	if (optind < argc)
		return complain("unexpected argument", argv[optind]);
	if (state.channel_count == 0)
		channel_make("main");
	if (options.tls_cert && !options.tls_key)
		return complain("--tls-cert needs --tls-key", options.tls_cert);
	for (int i = 0; i < state.channel_count; i++)
		state.channels[i].followers_allowed = !followers_refused;
	return true;
}
