/*
 * action_limits.c
 *		Limits of action objects ("Action objects", "Specifications of the label"). An action of an imagemap is another
 *		kind of object and is in template_limits.c.
 */
#include "message_check.h"

#include <string.h>

static void check_label(LcCheck *check, json_t *action, LcActionPlace place);
static void check_postback(LcCheck *check, json_t *action, LcActionPlace place);
static void check_message(LcCheck *check, json_t *action, LcActionPlace place);
static void check_uri(LcCheck *check, json_t *action, LcActionPlace place);
static void check_datetimepicker(LcCheck *check, json_t *action, LcActionPlace place);
static void check_quick_reply_only(LcCheck *check, json_t *action, LcActionPlace place);
static void check_richmenuswitch(LcCheck *check, json_t *action, LcActionPlace place);
static void check_clipboard(LcCheck *check, json_t *action, LcActionPlace place);
static const char *read_moment(LcCheck *check, json_t *action, const char *key, const char *mode, char out[17]);
static bool is_date(const char *text);
static bool is_time(const char *text);
static int digits(const char *text, int count);

static const struct
{
	const char *type;
	void (*check)(LcCheck *check, json_t *action, LcActionPlace place);
} action_types[] = {
    {"postback", check_postback},
    {"message", check_message},
    {"uri", check_uri},
    {"datetimepicker", check_datetimepicker},
    {"camera", check_quick_reply_only},
    {"cameraRoll", check_quick_reply_only},
    {"location", check_quick_reply_only},
    {"richmenuswitch", check_richmenuswitch},
    {"clipboard", check_clipboard},
};

static const struct
{
	LcNeed need;
	int64_t max;
} label_rules[] = {
    [LC_IN_TEMPLATE] = {LC_REQUIRED, 20},       [LC_IN_TEMPLATE_DEFAULT] = {LC_OPTIONAL, 20},
    [LC_IN_IMAGE_CAROUSEL] = {LC_OPTIONAL, 12}, [LC_IN_QUICK_REPLY] = {LC_REQUIRED, 20},
    [LC_IN_FLEX_BUTTON] = {LC_REQUIRED, 40},    [LC_IN_FLEX] = {LC_OPTIONAL, 40},
};

void
lc_check_action(LcCheck *check, json_t *action, LcActionPlace place)
{
	json_t *type;

	if (!json_is_object(action))
	{
		lc_check_problem(check, NULL, "not an object", -1, -1);
		return;
	}
	type = lc_check_string(check, action, "type", LC_REQUIRED);
	if (type == NULL)
		return;
	for (size_t i = 0; i < sizeof(action_types) / sizeof(action_types[0]); i++)
		if (strcmp(json_string_value(type), action_types[i].type) == 0)
		{
			check_label(check, action, place);
			action_types[i].check(check, action, place);
			return;
		}
	if (json_string_length(type) > 0)
		lc_check_problem(check, "type", "unknown type of action", -1, -1);
}

void
lc_check_action_member(LcCheck *check, json_t *parent, const char *key, LcNeed need, LcActionPlace place)
{
	json_t *action = lc_check_object(check, parent, key, need);
	size_t mark;

	if (action == NULL)
		return;
	mark = lc_check_enter(check, key);
	lc_check_action(check, action, place);
	lc_check_leave(check, mark);
}

size_t
lc_check_actions(LcCheck *check, json_t *parent, size_t min, size_t max, LcActionPlace place)
{
	json_t *actions = lc_check_array(check, parent, "actions", LC_REQUIRED, min, max);
	size_t mark = lc_check_enter(check, "actions");
	size_t i;
	json_t *action;

	json_array_foreach(actions, i, action)
	{
		size_t inner = lc_check_enter_index(check, i);

		lc_check_action(check, action, place);
		lc_check_leave(check, inner);
	}
	lc_check_leave(check, mark);
	return json_array_size(actions);
}

static void
check_label(LcCheck *check, json_t *action, LcActionPlace place)
{
	lc_check_text(check, action, "label", label_rules[place].need, LC_GRAPHEMES, label_rules[place].max);
}

static void
check_postback(LcCheck *check, json_t *action, LcActionPlace place)
{
	static const char *const options[] = {"closeRichMenu", "openRichMenu", "openKeyboard", "openVoice", NULL};
	const char *option;
	json_t *shown = lc_check_text(check, action, "displayText", LC_OPTIONAL, LC_GRAPHEMES, 300);
	json_t *text = lc_check_text(check, action, "text", LC_OPTIONAL, LC_GRAPHEMES, 300);

	(void) place;
	lc_check_text(check, action, "data", LC_REQUIRED, LC_UTF16, 300);
	if (shown != NULL && text != NULL)
		lc_check_problem(check, "text", "cannot stand beside displayText", -1, -1);
	option = lc_check_word(check, action, "inputOption", LC_OPTIONAL, options);
	if (lc_check_text(check, action, "fillInText", LC_OPTIONAL, LC_GRAPHEMES, 300) != NULL &&
	    (option == NULL || strcmp(option, "openKeyboard") != 0))
		lc_check_problem(check, "fillInText", "needs inputOption openKeyboard", -1, -1);
}

static void
check_message(LcCheck *check, json_t *action, LcActionPlace place)
{
	(void) place;
	lc_check_text(check, action, "text", LC_REQUIRED, LC_GRAPHEMES, 300);
}

static void
check_uri(LcCheck *check, json_t *action, LcActionPlace place)
{
	json_t *other = lc_check_object(check, action, "altUri", LC_OPTIONAL);
	size_t mark;

	(void) place;
	lc_check_url(check, action, "uri", LC_REQUIRED, LC_URL_ACTION, 1000);
	if (other == NULL)
		return;
	mark = lc_check_enter(check, "altUri");
	lc_check_url(check, other, "desktop", LC_OPTIONAL, LC_URL_ACTION, 1000);
	lc_check_leave(check, mark);
}

static void
check_datetimepicker(LcCheck *check, json_t *action, LcActionPlace place)
{
	static const char *const modes[] = {"date", "time", "datetime", NULL};
	const char *mode = lc_check_word(check, action, "mode", LC_REQUIRED, modes);
	char initial[17];
	char min[17];
	char max[17];
	const char *earliest;
	const char *latest;

	(void) place;
	lc_check_text(check, action, "data", LC_REQUIRED, LC_UTF16, 300);
	if (mode == NULL)
		return;
	read_moment(check, action, "initial", mode, initial);
	earliest = read_moment(check, action, "min", mode, min);
	latest = read_moment(check, action, "max", mode, max);
	if (earliest != NULL && latest != NULL && strcmp(earliest, latest) >= 0)
		lc_check_problem(check, "max", "not later than min", -1, -1);
}

static void
check_quick_reply_only(LcCheck *check, json_t *action, LcActionPlace place)
{
	(void) action;
	if (place != LC_IN_QUICK_REPLY)
		lc_check_problem(check, "type", "this action is for quick replies only", -1, -1);
}

static void
check_richmenuswitch(LcCheck *check, json_t *action, LcActionPlace place)
{
	(void) place;
	lc_check_problem(check, "type", "this action is for rich menus only", -1, -1);
	lc_check_text(check, action, "data", LC_REQUIRED, LC_UTF16, 300);
	lc_check_text(check, action, "richMenuAliasId", LC_REQUIRED, LC_UTF16, 32);
}

static void
check_clipboard(LcCheck *check, json_t *action, LcActionPlace place)
{
	(void) place;
	lc_check_text(check, action, "clipboardText", LC_REQUIRED, LC_UTF16, 1000);
}

/*
 * "Date and time format": date, time, or both with T or t between; 1900 to 2100. Writes the value, with T, into out;
 * NULL when there is none or it is wrong. Values of a template may still be variables and are left alone.
 */
static const char *
read_moment(LcCheck *check, json_t *action, const char *key, const char *mode, char out[17])
{
	json_t *value = lc_check_string(check, action, key, LC_OPTIONAL);
	size_t size = json_string_length(value);
	bool ok;

	if (value == NULL || ((check->flags & LC_CHECK_TEMPLATE) && strstr(json_string_value(value), "{{") != NULL))
		return NULL;
	memset(out, 0, 17);
	if (size <= 16)
		memcpy(out, json_string_value(value), size);
	if (strcmp(mode, "date") == 0)
		ok = size == 10 && is_date(out);
	else if (strcmp(mode, "time") == 0)
		ok = size == 5 && is_time(out);
	else
		ok = size == 16 && is_date(out) && (out[10] == 'T' || out[10] == 't') && is_time(out + 11);
	if (ok && size == 16)
		out[10] = 'T';
	if (!ok)
		lc_check_problem(check, key,
		                 "not a value of this mode, as 2026-12-31, 23:59 or 2026-12-31T23:59, from 1900 to 2100", -1,
		                 -1);
	return ok ? out : NULL;
}

static bool
is_date(const char *text)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year = digits(text, 4);
	int month = text[4] == '-' ? digits(text + 5, 2) : -1;
	int day = month > 0 && text[7] == '-' ? digits(text + 8, 2) : -1;
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (year < 1900 || year > 2100 || month < 1 || month > 12 || day < 1)
		return false;
	return day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool
is_time(const char *text)
{
	int hour = digits(text, 2);
	int minute = hour >= 0 && text[2] == ':' ? digits(text + 3, 2) : -1;

	return hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59;
}

/* The number of so many digits, -1 when one of them is none. Stops at the first that is none. */
static int
digits(const char *text, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}
