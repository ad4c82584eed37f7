/*
 * oauth.c
 *		Access tokens: short-lived, v2.1 (by assertion) and stateless; verify, revoke, list of key ids.
 *
 * Tokens issued here work for their life on the sandbox's clock and are told apart as LINE does: short-lived ones push
 *out the oldest of thirty, v2.1 refuses the thirty-first, stateless ones cannot be revoked. Without --channel any
 *client id is taken for the first channel. An assertion's claims are always checked, its signature when --assertion-key
 *gave the public key. Called with the state lock held.
 */
#include "state.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS 30
#define DAY INT64_C(86400)

static const char assertion_type[] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

static void
oauth_error(Request *r, const char *error, const char *description)
{
	answer_object(r, 400, json_pack("{s:s, s:s}", "error", error, "error_description", description));
}

/* A field of a form-encoded body, decoded; NULL: absent. The caller frees it. */
static char *
form_field(Request *r, const char *name)
{
	const char *p = r->body.data, *end = p + r->body.len;
	size_t name_len = strlen(name);

	while (p && p < end)
	{
		const char *stop = memchr(p, '&', (size_t) (end - p));
		char *out, *o;

		stop = stop ? stop : end;
		if ((size_t) (stop - p) > name_len && memcmp(p, name, name_len) == 0 && p[name_len] == '=')
		{
			out = o = must_alloc((size_t) (stop - p));
			for (p += name_len + 1; p < stop; p++)
			{
				unsigned byte;

				if (*p == '%' && stop - p > 2 && sscanf(p + 1, "%2x", &byte) == 1)
				{
					*o++ = (char) byte;
					p += 2;
				}
				else
					*o++ = *p == '+' ? ' ' : *p;
			}
			return out;
		}
		p = stop + 1;
	}
	return NULL;
}

static char *
parameter(Request *r, const char *name)
{
	const char *query = request_query(r, name);

	return query ? must_strdup(query) : form_field(r, name);
}

static int
channel_by_client(const char *client_id)
{
	bool configured = false;

	for (int i = 0; i < state.channel_count; i++)
	{
		configured |= state.channels[i].channel_id != NULL;
		if (state.channels[i].channel_id && client_id && strcmp(state.channels[i].channel_id, client_id) == 0)
			return i;
	}
	return configured ? -1 : 0;
}

/* base64url without padding; the result ends with a zero byte. */
static Buf
decode_base64url(const char *s, size_t len)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	Buf out = {0};
	unsigned bits = 0;
	int have = 0;

	for (size_t i = 0; i < len; i++)
	{
		const char *at = s[i] ? strchr(letters, s[i]) : NULL;
		char byte;

		if (!at)
			break;
		bits = (bits << 6 | (unsigned) (at - letters)) & 0xffffff;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		byte = (char) (bits >> have);
		buf_add(&out, &byte, 1);
	}
	buf_add(&out, "", 1);
	out.len--;
	return out;
}

static bool
signature_fits(const char *pem, const char *jwt, size_t signed_len, const Buf *signature)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = key && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	          EVP_DigestVerify(ctx, (const unsigned char *) signature->data, signature->len,
	                           (const unsigned char *) jwt, signed_len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return ok;
}

/* The channel an assertion speaks for; -1: not valid, *why says so. */
static int
read_assertion(const char *jwt, int64_t *life, const char **why)
{
	const char *dot = jwt ? strchr(jwt, '.') : NULL, *dot2 = dot ? strchr(dot + 1, '.') : NULL;
	Buf payload = {0}, signature = {0};
	json_t *claims;
	const char *iss, *sub, *aud;
	int64_t expires, now = now_ms() / 1000;
	int channel = -1;

	*why = "Invalid client_assertion";
	if (!dot2)
		return -1;
	payload = decode_base64url(dot + 1, (size_t) (dot2 - dot - 1));
	signature = decode_base64url(dot2 + 1, strlen(dot2 + 1));
	claims = json_loads(payload.data, 0, NULL);
	iss = json_string_value(json_object_get(claims, "iss"));
	sub = json_string_value(json_object_get(claims, "sub"));
	aud = json_string_value(json_object_get(claims, "aud"));
	expires = json_integer_value(json_object_get(claims, "exp"));
	*life = json_integer_value(json_object_get(claims, "token_exp"));
	if (!iss || !sub || strcmp(iss, sub) != 0 || !aud || strcmp(aud, "https://api.line.me/") != 0)
		*why = "Invalid iss, sub or aud";
	else if (expires <= now || expires > now + 1800 + 5)
		*why = "Invalid exp";
	else if (*life < 0 || *life > 30 * DAY)
		*why = "Invalid token_exp";
	else
		channel = channel_by_client(iss);
	if (channel >= 0 && state.channels[channel].assertion_key &&
	    !signature_fits(state.channels[channel].assertion_key, jwt, (size_t) (dot2 - jwt), &signature))
	{
		*why = "Invalid signature";
		channel = -1;
	}
	json_decref(claims);
	buf_free(&payload);
	buf_free(&signature);
	return channel;
}

/* Live tokens of this kind; *oldest is the first of them. */
static int
live_tokens(int channel, const char *kind, uint32_t *oldest)
{
	int n = 0;

	*oldest = NOT_FOUND;
	for (uint32_t i = 0; i < state.token_hashes.count; i++)
	{
		Token *t = &state.tokens[i];

		if (t->channel != channel || strcmp(t->kind, kind) != 0 || t->revoked || t->expires_ms <= now_ms())
			continue;
		if (*oldest == NOT_FOUND)
			*oldest = i;
		n++;
	}
	return n;
}

static void
issue(Request *r, int channel, const char *kind, int64_t life)
{
	uint8_t bytes[48];
	char token[80] = "", key_id[24] = "";
	uint32_t oldest, number;
	int live = live_tokens(channel, kind, &oldest);
	Buf line = {0};

	if (strcmp(kind, "v2.1") == 0 && live >= MAX_TOKENS)
	{
		answer_message(r, 400, "The maximum number of channel access tokens has been reached");
		return;
	}
	if (strcmp(kind, "v2") == 0 && live >= MAX_TOKENS)
		state.tokens[oldest].revoked = true;
	for (int i = 0; i < 48; i += 16)
		uuid_random(bytes + i);
	base64_encode(bytes, 48, token);
	for (char *p = token; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	snprintf(key_id, sizeof(key_id), "%.20s", token + 30);
	number = token_add(token, channel, kind, now_ms() + life * 1000);
	memcpy(state.tokens[number].key_id, key_id, sizeof(key_id));
	buf_printf(&line, "{\"event\":\"token\",\"channel\":\"%s\",\"token\":\"%s\",\"expires_ms\":%lld}\n",
	           state.channels[channel].name, token, (long long) (now_ms() + life * 1000));
	log_write(line.data, line.len);
	buf_free(&line);
	if (strcmp(kind, "v2.1") == 0)
		answer_object(r, 200,
		              json_pack("{s:s, s:s, s:I, s:s}", "access_token", token, "token_type", "Bearer", "expires_in",
		                        (json_int_t) life, "key_id", key_id));
	else
		answer_object(r, 200,
		              json_pack("{s:s, s:I, s:s}", "access_token", token, "expires_in", (json_int_t) life, "token_type",
		                        "Bearer"));
}

void
handle_token(Request *r)
{
	char *grant = form_field(r, "grant_type"), *type = form_field(r, "client_assertion_type");
	char *jwt = form_field(r, "client_assertion"), *id = form_field(r, "client_id");
	char *secret = form_field(r, "client_secret");
	const char *kind = r->route->name + strlen("token_"), *why;
	bool by_jwt = type && strcmp(type, assertion_type) == 0;
	int64_t life = 0;
	int channel = -1;

	if (!grant || strcmp(grant, "client_credentials") != 0)
		oauth_error(r, "unsupported_grant_type", "grant_type must be client_credentials");
	else if (by_jwt && strcmp(kind, "v2") != 0)
	{
		if ((channel = read_assertion(jwt, &life, &why)) < 0)
			oauth_error(r, "invalid_client", why);
	}
	else if (!id || !secret || strcmp(kind, "v2.1") == 0)
		oauth_error(r, "invalid_request", "some parameters missed or invalid");
	else if ((channel = channel_by_client(id)) < 0 ||
	         (state.channels[channel].secret && strcmp(state.channels[channel].secret, secret) != 0))
	{
		channel = -1;
		oauth_error(r, "invalid_client", "invalid client_id or client_secret");
	}
	if (channel >= 0)
		issue(r, channel, kind, strcmp(kind, "v3") == 0 ? 900 : strcmp(kind, "v2.1") == 0 && life ? life : 30 * DAY);
	free(grant);
	free(type);
	free(jwt);
	free(id);
	free(secret);
}

void
handle_token_verify(Request *r)
{
	char *token = parameter(r, "access_token");
	uint32_t number = token ? token_find(token) : NOT_FOUND;
	Token *t = number == NOT_FOUND ? NULL : &state.tokens[number];
	const char *id;

	free(token);
	if (!t || t->revoked || (t->expires_ms && t->expires_ms <= now_ms()))
	{
		oauth_error(r, "invalid_request", "access token expired");
		return;
	}
	id = state.channels[t->channel].channel_id;
	answer_object(r, 200,
	              json_pack("{s:s, s:I, s:s}", "client_id", id ? id : "1234567890", "expires_in",
	                        t->expires_ms ? (json_int_t) (t->expires_ms - now_ms()) / 1000 : (json_int_t) 3138007490,
	                        "scope", "P CM"));
}

/* Unknown tokens are no error; stateless ones live on. */
void
handle_token_revoke(Request *r)
{
	char *token = parameter(r, "access_token");
	uint32_t number = token ? token_find(token) : NOT_FOUND;

	if (!token)
		oauth_error(r, "invalid_request", "some parameters missed or invalid");
	else
	{
		if (number != NOT_FOUND && strcmp(state.tokens[number].kind, "v3") != 0)
			state.tokens[number].revoked = true;
		answer_json(r, 200, "%s", "");
	}
	free(token);
}

void
handle_token_kids(Request *r)
{
	char *jwt = parameter(r, "client_assertion");
	const char *why;
	int64_t life;
	int channel = read_assertion(jwt, &life, &why);
	json_t *kids;

	free(jwt);
	if (channel < 0)
	{
		oauth_error(r, "invalid_client", why);
		return;
	}
	kids = json_array();
	for (uint32_t i = 0; i < state.token_hashes.count; i++)
		if (state.tokens[i].channel == channel && strcmp(state.tokens[i].kind, "v2.1") == 0 &&
		    !state.tokens[i].revoked && state.tokens[i].expires_ms > now_ms())
			json_array_append_new(kids, json_string(state.tokens[i].key_id));
	answer_object(r, 200, json_pack("{s:o}", "kids", kids));
}
