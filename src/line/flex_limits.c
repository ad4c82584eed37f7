/*
 * flex_limits.c
 *		Limits of Flex messages ("Flex Message"): sizes in bytes, bubbles of a carousel, where components may stand,
 *		URLs and actions. Colours, paddings and the like are left to LINE's validate endpoint.
 *
 *		The one recursion of the message checks is here, boxes in boxes; it ends at LC_CHECK_DEPTH_MAX.
 */
#include "message_check.h"

#include <string.h>

#define ALT_TEXT_MAX 1500
#define URL_MAX 2000
#define ANIMATED_MAX 10

/* LINE says 30 KB and 50 KB without saying how large its KB is; the smaller reading is safe. */
#define BUBBLE_BYTES 30000
#define CAROUSEL_BYTES 50000
#define BUBBLES_MAX 12

/* Where a component stands, for the rules about icons, spans and videos. */
typedef struct FlexPlace
{
	bool hero;
	bool baseline;
	bool video_allowed; /* in a single bubble of a large enough size */
	int depth;
} FlexPlace;

static void check_carousel(LcCheck *check, json_t *carousel);
static const char *check_bubble(LcCheck *check, json_t *bubble, bool in_carousel);
static void check_block(LcCheck *check, json_t *bubble, const char *key);
static void check_hero(LcCheck *check, json_t *bubble, bool video_allowed);
static void check_component(LcCheck *check, json_t *component, FlexPlace place);
static void check_box(LcCheck *check, json_t *box, FlexPlace place);
static void check_image(LcCheck *check, json_t *image);
static void check_video(LcCheck *check, json_t *video, FlexPlace place);
static void check_text(LcCheck *check, json_t *text);
static void check_size(LcCheck *check, json_t *part, int64_t max);

void
lc_check_flex_message(LcCheck *check, json_t *message)
{
	static const char *const types[] = {"bubble", "carousel", NULL};
	json_t *contents = lc_check_object(check, message, "contents", LC_REQUIRED);
	const char *type;
	size_t mark;

	lc_check_text(check, message, "altText", LC_REQUIRED, LC_UTF16, ALT_TEXT_MAX);
	if (contents == NULL)
		return;
	mark = lc_check_enter(check, "contents");
	type = lc_check_word(check, contents, "type", LC_REQUIRED, types);
	check->animated = 0;
	if (type != NULL && strcmp(type, "bubble") == 0)
		check_bubble(check, contents, false);
	else if (type != NULL)
		check_carousel(check, contents);
	if (check->animated > ANIMATED_MAX)
		lc_check_problem(check, NULL, "too many animated images", ANIMATED_MAX, check->animated);
	lc_check_leave(check, mark);
}

/* All bubbles have one width; a bubble without size is mega. */
static void
check_carousel(LcCheck *check, json_t *carousel)
{
	json_t *bubbles = lc_check_array(check, carousel, "contents", LC_REQUIRED, 1, BUBBLES_MAX);
	const char *first = NULL;
	size_t mark;
	size_t i;
	json_t *bubble;

	check_size(check, carousel, CAROUSEL_BYTES);
	mark = lc_check_enter(check, "contents");
	json_array_foreach(bubbles, i, bubble)
	{
		size_t inner = lc_check_enter_index(check, i);
		json_t *type = json_object_get(bubble, "type");
		const char *size;

		if (!json_is_string(type) || strcmp(json_string_value(type), "bubble") != 0)
			lc_check_problem(check, NULL, "not a bubble", -1, -1);
		else
		{
			size = check_bubble(check, bubble, true);
			if (first == NULL)
				first = size;
			else if (size != NULL && strcmp(first, size) != 0)
				lc_check_problem(check, "size", "not the size of the first bubble", -1, -1);
		}
		lc_check_leave(check, inner);
	}
	lc_check_leave(check, mark);
}

/* Returns the bubble's size, NULL when it is none of LINE's. */
static const char *
check_bubble(LcCheck *check, json_t *bubble, bool in_carousel)
{
	static const char *const sizes[] = {"nano", "micro", "deca", "hecto", "kilo", "mega", "giga", NULL};
	static const char *const directions[] = {"ltr", "rtl", NULL};
	const char *size = lc_check_word(check, bubble, "size", LC_OPTIONAL, sizes);
	json_t *given = json_object_get(bubble, "size");

	if (given == NULL || json_is_null(given))
		size = "mega";
	check_size(check, bubble, BUBBLE_BYTES);
	lc_check_word(check, bubble, "direction", LC_OPTIONAL, directions);
	lc_check_object(check, bubble, "styles", LC_OPTIONAL);
	check_block(check, bubble, "header");
	check_hero(check, bubble,
	           !in_carousel && size != NULL &&
	               (strcmp(size, "kilo") == 0 || strcmp(size, "mega") == 0 || strcmp(size, "giga") == 0));
	check_block(check, bubble, "body");
	check_block(check, bubble, "footer");
	lc_check_action_member(check, bubble, "action", LC_OPTIONAL, LC_IN_FLEX);
	return size;
}

/* Header, body and footer are boxes. */
static void
check_block(LcCheck *check, json_t *bubble, const char *key)
{
	json_t *box = lc_check_object(check, bubble, key, LC_OPTIONAL);
	FlexPlace place = {false, false, false, 0};
	json_t *type = json_object_get(box, "type");
	size_t mark;

	if (box == NULL)
		return;
	mark = lc_check_enter(check, key);
	if (json_is_string(type) && strcmp(json_string_value(type), "box") != 0)
		lc_check_problem(check, "type", "this block must be a box", -1, -1);
	else
		check_component(check, box, place);
	lc_check_leave(check, mark);
}

static void
check_hero(LcCheck *check, json_t *bubble, bool video_allowed)
{
	static const char *const types[] = {"box", "image", "video", NULL};
	json_t *hero = lc_check_object(check, bubble, "hero", LC_OPTIONAL);
	FlexPlace place = {true, false, video_allowed, 0};
	size_t mark;

	if (hero == NULL)
		return;
	mark = lc_check_enter(check, "hero");
	if (lc_check_word(check, hero, "type", LC_REQUIRED, types) != NULL)
		check_component(check, hero, place);
	lc_check_leave(check, mark);
}

static void
check_component(LcCheck *check, json_t *component, FlexPlace place)
{
	json_t *member = lc_check_string(check, component, "type", LC_REQUIRED);
	const char *type = member == NULL ? "" : json_string_value(member);

	if (strcmp(type, "box") == 0)
		check_box(check, component, place);
	else if (strcmp(type, "button") == 0)
		lc_check_action_member(check, component, "action", LC_REQUIRED, LC_IN_FLEX_BUTTON);
	else if (strcmp(type, "image") == 0)
		check_image(check, component);
	else if (strcmp(type, "video") == 0)
		check_video(check, component, place);
	else if (strcmp(type, "text") == 0)
		check_text(check, component);
	else if (strcmp(type, "icon") == 0)
	{
		lc_check_url(check, component, "url", LC_REQUIRED, LC_URL_HTTPS, URL_MAX);
		lc_check_aspect_ratio(check, component);
		if (!place.baseline)
			lc_check_problem(check, "type", "an icon stands in a baseline box only", -1, -1);
	}
	else if (strcmp(type, "span") == 0)
		lc_check_problem(check, "type", "a span stands in the contents of a text only", -1, -1);
	else if (*type != '\0' && strcmp(type, "separator") != 0 && strcmp(type, "filler") != 0)
		lc_check_problem(check, "type", "unknown type of component", -1, -1);
}

static void
check_box(LcCheck *check, json_t *box, FlexPlace place)
{
	static const char *const layouts[] = {"horizontal", "vertical", "baseline", NULL};
	const char *layout = lc_check_word(check, box, "layout", LC_REQUIRED, layouts);
	json_t *contents = lc_check_array(check, box, "contents", LC_REQUIRED, 0, SIZE_MAX);
	FlexPlace inside = {false, layout != NULL && strcmp(layout, "baseline") == 0, false, place.depth + 1};
	size_t mark;
	size_t i;
	json_t *component;

	lc_check_action_member(check, box, "action", LC_OPTIONAL, LC_IN_FLEX);
	if (inside.depth > LC_CHECK_DEPTH_MAX)
	{
		lc_check_problem(check, "contents", "too many boxes inside each other", LC_CHECK_DEPTH_MAX, inside.depth);
		return;
	}
	mark = lc_check_enter(check, "contents");
	json_array_foreach(contents, i, component)
	{
		size_t inner = lc_check_enter_index(check, i);

		if (json_is_object(component))
			check_component(check, component, inside);
		else
			lc_check_problem(check, NULL, "not an object", -1, -1);
		lc_check_leave(check, inner);
	}
	lc_check_leave(check, mark);
}

static void
check_image(LcCheck *check, json_t *image)
{
	lc_check_url(check, image, "url", LC_REQUIRED, LC_URL_HTTPS, URL_MAX);
	lc_check_aspect_ratio(check, image);
	lc_check_boolean(check, image, "animated");
	check->animated += json_is_true(json_object_get(image, "animated"));
	lc_check_action_member(check, image, "action", LC_OPTIONAL, LC_IN_FLEX);
}

static void
check_video(LcCheck *check, json_t *video, FlexPlace place)
{
	static const char *const types[] = {"box", "image", NULL};
	FlexPlace inside = {false, false, false, place.depth + 1};
	json_t *other = lc_check_object(check, video, "altContent", LC_REQUIRED);

	if (!place.hero)
		lc_check_problem(check, "type", "a video stands in the hero block only", -1, -1);
	else if (!place.video_allowed)
		lc_check_problem(check, "type", "a video needs a single bubble of size kilo, mega or giga", -1, -1);
	lc_check_url(check, video, "url", LC_REQUIRED, LC_URL_HTTPS, URL_MAX);
	lc_check_url(check, video, "previewUrl", LC_REQUIRED, LC_URL_HTTPS, URL_MAX);
	lc_check_aspect_ratio(check, video);
	lc_check_action_member(check, video, "action", LC_OPTIONAL, LC_IN_FLEX);
	if (other != NULL)
	{
		size_t mark = lc_check_enter(check, "altContent");

		if (lc_check_word(check, other, "type", LC_REQUIRED, types) != NULL)
			check_component(check, other, inside);
		lc_check_leave(check, mark);
	}
}

/* A text has its text or spans. */
static void
check_text(LcCheck *check, json_t *text)
{
	json_t *spans = lc_check_array(check, text, "contents", LC_OPTIONAL, 0, SIZE_MAX);
	size_t mark;
	size_t i;
	json_t *span;

	lc_check_string(check, text, "text", json_array_size(spans) > 0 ? LC_OPTIONAL : LC_REQUIRED);
	lc_check_integer(check, text, "maxLines", LC_OPTIONAL, 0, NULL);
	lc_check_action_member(check, text, "action", LC_OPTIONAL, LC_IN_FLEX);
	mark = lc_check_enter(check, "contents");
	json_array_foreach(spans, i, span)
	{
		size_t inner = lc_check_enter_index(check, i);
		json_t *type = json_object_get(span, "type");

		if (!json_is_string(type) || strcmp(json_string_value(type), "span") != 0)
			lc_check_problem(check, NULL, "not a span", -1, -1);
		else
			lc_check_string(check, span, "text", LC_OPTIONAL);
		lc_check_leave(check, inner);
	}
	lc_check_leave(check, mark);
}

/* Measured as the document is written: compact, or with a space after each comma and colon as jsonb prints. */
static void
check_size(LcCheck *check, json_t *part, int64_t max)
{
	size_t size = json_dumpb(part, NULL, 0, check->spaced ? 0 : JSON_COMPACT);

	if ((int64_t) size > max)
		lc_check_problem(check, NULL, "too large, in bytes of JSON", max, (int64_t) size);
}
