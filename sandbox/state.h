/*
 * state.h
 *		What the sandbox remembers: channels, people, retry keys, accepted deliveries, tokens.
 *
 * One lock guards all of it. Functions without "lock" in their description expect the caller to hold it.
 */
#ifndef SANDBOX_STATE_H
#define SANDBOX_STATE_H

#include "intern.h"
#include "sandbox.h"

#define LINE_ID_KEY 17 /* the letter and 16 bytes */
#define NOT_DELIVERED 0x80000000u

typedef enum PersonStatus
{
	PERSON_UNLISTED,
	PERSON_FOLLOWING,
	PERSON_BLOCKED,
	PERSON_FOREIGN, /* of another provider: push answers 400 */
	PERSON_DELETED
} PersonStatus;

typedef struct StatusCount
{
	int status;
	int64_t count;
} StatusCount;

#define MAX_STATUSES 24
typedef struct RouteStats
{
	int64_t requests;
	int64_t accepted;
	int64_t recipients;
	StatusCount statuses[MAX_STATUSES];
} RouteStats;

typedef struct Channel
{
	char name[64];
	char *channel_id; /* for token endpoints */
	char *secret;
	char *assertion_key; /* PEM of the public key, NULL: signatures are not checked */
	int64_t quota;       /* -1: no ceiling */
	int64_t used;
	int64_t reserved;
	int month;       /* of used, in JST */
	uint8_t *status; /* by person */
	uint32_t status_room;
	uint32_t *friends; /* order of followers/ids */
	uint32_t friend_count;
	uint32_t friend_room;
	char *webhook_url;
	bool followers_allowed;
	double tokens[MAX_ROUTES]; /* rate buckets */
	int64_t filled_at[MAX_ROUTES];
	RouteStats stats[MAX_ROUTES];
} Channel;

typedef struct KeyRecord
{
	int64_t first_ms;
	int64_t message_id; /* of the accepted push; 0: none */
	uint32_t attempts;
	uint8_t message_count;
	uint8_t quotable; /* bit per message: it gets a quote token */
	uint8_t accepted;
	uint8_t route;
	bool body_known; /* an early answer has not seen it */
	uint8_t body_sha[32];
	uint8_t request_id[16];
} KeyRecord;

typedef struct Accepted
{
	int64_t ms;
	uint64_t start; /* into recipients */
	uint32_t count;
	uint32_t key; /* NOT_FOUND: none */
	uint32_t content;
	uint16_t channel;
	uint8_t route;
	uint8_t request_id[16];
} Accepted;

typedef struct ReplyToken
{
	int64_t expires_ms; /* 0: never */
	uint32_t person;    /* NOT_FOUND: not known */
	bool used;
} ReplyToken;

typedef struct Token
{
	int channel;
	int64_t expires_ms; /* 0: never */
	const char *kind;   /* static, v2, v2.1, v3 */
	char key_id[24];
	bool revoked;
} Token;

typedef struct State
{
	Channel channels[MAX_CHANNELS];
	int channel_count;
	bool any_token; /* no --token given: every bearer is channel 0 */
	Intern people;  /* LINE_ID_KEY */
	char **names;   /* by person; NULL: made from the id */
	uint32_t names_room;
	Intern contents; /* channel number, SHA-256 of the messages */
	Intern keys;     /* channel number, retry key */
	KeyRecord *key_records;
	uint32_t key_room;
	Intern reply_hashes; /* channel number, first half of the SHA-256 of the token */
	ReplyToken *reply_tokens;
	uint32_t reply_room;
	Intern token_hashes; /* SHA-256 of an access token */
	Token *tokens;
	uint32_t token_room;
	Accepted *accepted;
	size_t accepted_count;
	size_t accepted_room;
	uint32_t *recipients;
	uint64_t recipient_count;
	uint64_t recipient_room;
	int64_t next_message_id;
	int64_t violations;
	json_t *violation_list; /* the first hundred */
	int64_t duplicate_in_request;
	int64_t unauthorized;
} State;

typedef struct Options
{
	int port;
	const char *listen;
	int threads;
	int max_connections;
	const char *log_path;
	bool fresh;
	bool rate_limits;
	double burst; /* seconds' worth of a bucket */
	int64_t latency_ms;
	int64_t key_life_ms;
	int64_t reply_life_ms;
	int64_t narrowcast_ms;
	bool unlisted_foreign;  /* push to an unlisted id answers 400 */
	bool multicast_foreign; /* a multicast with a foreign id answers 400 */
	int group_members;
	uint64_t seed;
	const char *tls_cert;
	const char *tls_key;
} Options;

extern State state;
extern Options options;

extern void state_lock(void);
extern void state_unlock(void);
extern void state_init(void);
extern void state_reset(void);

/* channels.c */
extern int channel_find(const char *name);
extern int channel_make(const char *name);
extern void channel_month(Channel *c, int64_t ms);
extern bool channel_take(Channel *c, int route, const Route *def, int64_t ms);
extern void channel_count_status(Channel *c, int route, int status);
extern PersonStatus channel_status(Channel *c, uint32_t person);
extern void channel_set_status(Channel *c, uint32_t person, PersonStatus status);
extern void person_set(int channel, const uint8_t key[LINE_ID_KEY], PersonStatus status, const char *name);
extern PersonStatus status_by_name(const char *name);
extern uint32_t token_add(const char *token, int channel, const char *kind, int64_t expires_ms);
extern uint32_t token_find(const char *token);

/* state.c */
extern bool line_id_parse(const char *s, size_t len, uint8_t key[LINE_ID_KEY]);
extern void line_id_text(uint32_t person, char out[34]);
extern uint32_t person_find_or_make(const uint8_t key[LINE_ID_KEY]);
extern KeyRecord *key_record(int channel, const uint8_t key[16], bool *created, uint32_t *number);
extern KeyRecord *key_peek(int channel, const uint8_t key[16]);
extern ReplyToken *reply_token(int channel, const char *token, bool *created);
extern Accepted *accept_begin(int channel, int route, const uint8_t content[32], uint32_t key,
                              const uint8_t request_id[16], int64_t ms);
extern void accept_person(Accepted *a, uint32_t person, bool delivered);
extern void violation_add(const char *what, Request *r, const char *key);

/* narrowcast.c */
extern void narrowcast_start(int channel, const uint8_t request_id[16], int64_t ms, int64_t targets, int error_code);
extern void narrowcast_forget(void);

/* log.c, replay.c */
extern bool log_open(void);
extern bool log_write(const char *data, size_t len);
extern void log_truncate(void);
extern bool log_replay(void);

/* names.c */
extern void made_line_id(uint64_t seed, uint64_t number, uint8_t key[LINE_ID_KEY]);
extern const char *made_name(const uint8_t *key, char out[64]);

#endif
