/*
 * text_limits.c
 *		Limits of text messages, both versions ("Text message", "Text message (v2)").
 */
#include "message_check.h"

#include <string.h>

#include "id.h"
#include "utf16.h"

#define TEXT_MAX 5000
#define EMOJI_MAX 20
#define MENTION_MAX 20
#define SUBSTITUTION_MAX 100
#define KEY_MAX 20

static void check_emoji(LcCheck *check, json_t *emoji, json_t *text);
static void check_placeholders(LcCheck *check, const char *text, size_t size, json_t *substitution);
static bool check_placeholder(LcCheck *check, const char *key, size_t size, json_t *substitution);
static void check_substitution(LcCheck *check, json_t *substitution);
static const char *check_substitute(LcCheck *check, json_t *substitute);
static void check_mentionee(LcCheck *check, json_t *mentionee);
static bool is_key(const char *key, size_t size);

void
lc_check_text_message(LcCheck *check, json_t *message)
{
	json_t *text = lc_check_text(check, message, "text", LC_REQUIRED, LC_UTF16, TEXT_MAX);
	json_t *emojis = lc_check_array(check, message, "emojis", LC_OPTIONAL, 0, EMOJI_MAX);
	size_t i;
	json_t *emoji;

	lc_check_string(check, message, "quoteToken", LC_OPTIONAL);
	json_array_foreach(emojis, i, emoji)
	{
		size_t outer = lc_check_enter(check, "emojis");

		/* each is looked up from the start of the text: not for more than can be right */
		if (i == EMOJI_MAX)
		{
			lc_check_leave(check, outer);
			break;
		}
		lc_check_enter_index(check, i);
		check_emoji(check, emoji, text);
		lc_check_leave(check, outer);
	}
}

void
lc_check_text_v2_message(LcCheck *check, json_t *message)
{
	json_t *text = lc_check_text(check, message, "text", LC_REQUIRED, LC_UTF16, TEXT_MAX);
	json_t *substitution = lc_check_object(check, message, "substitution", LC_OPTIONAL);

	lc_check_string(check, message, "quoteToken", LC_OPTIONAL);
	if (text != NULL)
		check_placeholders(check, json_string_value(text), json_string_length(text), substitution);
	if (substitution != NULL)
		check_substitution(check, substitution);
}

/* The index is a UTF-16 offset and must hit a '$', else LINE answers 400. Variables of a template move it. */
static void
check_emoji(LcCheck *check, json_t *emoji, json_t *text)
{
	int64_t index = 0;

	if (!json_is_object(emoji))
	{
		lc_check_problem(check, NULL, "not an object", -1, -1);
		return;
	}
	lc_check_string(check, emoji, "productId", LC_REQUIRED);
	lc_check_string(check, emoji, "emojiId", LC_REQUIRED);
	if (lc_check_integer(check, emoji, "index", LC_REQUIRED, 0, &index) && text != NULL &&
	    !(check->flags & LC_CHECK_TEMPLATE))
	{
		int64_t position = lc_utf16_position(json_string_value(text), json_string_length(text), index);

		if (position < 0 || json_string_value(text)[position] != '$')
			lc_check_problem(check, "index", "no $ at this position of the text, counted in UTF-16 code units", -1,
			                 index);
	}
}

/*
 * "{key}" must be in the substitution; "{{" and "}}" are the characters themselves, so that a {{variable}} of a
 * template passes as text. One report per text is enough.
 */
static void
check_placeholders(LcCheck *check, const char *text, size_t size, json_t *substitution)
{
	for (size_t i = 0; i < size; i++)
	{
		char c = text[i];
		const char *end;

		if (c != '{' && c != '}')
			continue;
		if (i + 1 < size && text[i + 1] == c)
		{
			i++;
			continue;
		}
		end = c == '{' ? memchr(text + i + 1, '}', size - i - 1) : NULL;
		if (end == NULL)
		{
			lc_check_problem(check, "text",
			                 "a brace without its partner: write {{ and }} for the characters themselves", -1, -1);
			return;
		}
		if (!check_placeholder(check, text + i + 1, (size_t) (end - text) - i - 1, substitution))
			return;
		i = (size_t) (end - text);
	}
}

static bool
check_placeholder(LcCheck *check, const char *key, size_t size, json_t *substitution)
{
	char name[KEY_MAX + 1];

	if (!is_key(key, size))
	{
		lc_check_problem(check, "text", "between { and } stands no key of 1 to 20 letters, digits and underscores",
		                 KEY_MAX, (int64_t) size);
		return false;
	}
	memcpy(name, key, size);
	name[size] = '\0';
	if (json_object_get(substitution, name) != NULL)
		return true;
	lc_check_problem(check, "text", "a placeholder is not in the substitution", -1, -1);
	return false;
}

static void
check_substitution(LcCheck *check, json_t *substitution)
{
	size_t mark = lc_check_enter(check, "substitution");
	int64_t mentions = 0;
	int64_t emojis = 0;
	const char *key;
	json_t *substitute;

	if (json_object_size(substitution) > SUBSTITUTION_MAX)
		lc_check_problem(check, NULL, "too many elements", SUBSTITUTION_MAX, (int64_t) json_object_size(substitution));
	json_object_foreach(substitution, key, substitute)
	{
		size_t inner;
		const char *type;

		if (!is_key(key, strlen(key)))
		{
			lc_check_problem(check, NULL, "a key is not made of 1 to 20 letters, digits and underscores", KEY_MAX,
			                 (int64_t) strlen(key));
			continue;
		}
		inner = lc_check_enter(check, key);
		type = check_substitute(check, substitute);
		lc_check_leave(check, inner);
		mentions += type != NULL && strcmp(type, "mention") == 0;
		emojis += type != NULL && strcmp(type, "emoji") == 0;
	}
	if (mentions > MENTION_MAX)
		lc_check_problem(check, NULL, "too many mentions", MENTION_MAX, mentions);
	if (emojis > EMOJI_MAX)
		lc_check_problem(check, NULL, "too many emojis", EMOJI_MAX, emojis);
	lc_check_leave(check, mark);
}

static const char *
check_substitute(LcCheck *check, json_t *substitute)
{
	static const char *const types[] = {"mention", "emoji", NULL};
	const char *type;

	if (!json_is_object(substitute))
	{
		lc_check_problem(check, NULL, "not an object", -1, -1);
		return NULL;
	}
	type = lc_check_word(check, substitute, "type", LC_REQUIRED, types);
	if (type != NULL && strcmp(type, "emoji") == 0)
	{
		lc_check_string(check, substitute, "productId", LC_REQUIRED);
		lc_check_string(check, substitute, "emojiId", LC_REQUIRED);
	}
	else if (type != NULL)
	{
		json_t *mentionee = lc_check_object(check, substitute, "mentionee", LC_REQUIRED);

		if (mentionee != NULL)
			check_mentionee(check, mentionee);
	}
	return type;
}

static void
check_mentionee(LcCheck *check, json_t *mentionee)
{
	static const char *const types[] = {"user", "all", NULL};
	size_t mark = lc_check_enter(check, "mentionee");
	const char *type = lc_check_word(check, mentionee, "type", LC_REQUIRED, types);

	if (type != NULL && strcmp(type, "user") == 0)
	{
		json_t *user = lc_check_string(check, mentionee, "userId", LC_REQUIRED);
		uint8_t id[LC_USER_ID_SIZE];

		if (user != NULL && !(check->flags & LC_CHECK_TEMPLATE) &&
		    lc_user_id_parse(json_string_value(user), json_string_length(user), id) != LC_ID_OK)
			lc_check_problem(check, "userId", "not a user id: U and 32 lower-case hexadecimal digits", -1, -1);
	}
	lc_check_leave(check, mark);
}

static bool
is_key(const char *key, size_t size)
{
	if (size < 1 || size > KEY_MAX)
		return false;
	for (size_t i = 0; i < size; i++)
	{
		char c = key[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'))
			return false;
	}
	return true;
}
