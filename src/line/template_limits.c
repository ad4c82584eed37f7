/*
 * template_limits.c
 *		Limits of imagemap and template messages ("Imagemap message", "Template messages").
 */
#include "message_check.h"

#include <string.h>

#define ALT_TEXT_MAX 1500
#define URL_MAX 2000
#define COLUMNS_MAX 10

static void check_imagemap_video(LcCheck *check, json_t *message);
static void check_imagemap_action(LcCheck *check, json_t *action);
static void check_buttons(LcCheck *check, json_t *template);
static void check_confirm(LcCheck *check, json_t *template);
static void check_carousel(LcCheck *check, json_t *template);
static size_t check_column(LcCheck *check, json_t *column);
static void check_image_carousel(LcCheck *check, json_t *template);
static void check_image_style(LcCheck *check, json_t *template);
static void check_face(LcCheck *check, json_t *place, int64_t text_max);

static const struct
{
	const char *type;
	void (*check)(LcCheck *check, json_t *template);
} template_types[] = {
    {"buttons", check_buttons},
    {"confirm", check_confirm},
    {"carousel", check_carousel},
    {"image_carousel", check_image_carousel},
};

void
lc_check_template_message(LcCheck *check, json_t *message)
{
	json_t *template = lc_check_object(check, message, "template", LC_REQUIRED);
	size_t mark;
	json_t *type;

	lc_check_text(check, message, "altText", LC_REQUIRED, LC_UTF16, ALT_TEXT_MAX);
	if (template == NULL)
		return;
	mark = lc_check_enter(check, "template");
	type = lc_check_string(check, template, "type", LC_REQUIRED);
	for (size_t i = 0; type != NULL && i < sizeof(template_types) / sizeof(template_types[0]); i++)
		if (strcmp(json_string_value(type), template_types[i].type) == 0)
		{
			template_types[i].check(check, template);
			type = NULL;
		}
	if (json_string_length(type) > 0)
		lc_check_problem(check, "type", "unknown type of template", -1, -1);
	lc_check_leave(check, mark);
}

void
lc_check_imagemap_message(LcCheck *check, json_t *message)
{
	json_t *size = lc_check_object(check, message, "baseSize", LC_REQUIRED);
	json_t *actions = lc_check_array(check, message, "actions", LC_REQUIRED, 0, 50);
	int64_t width = 0;
	size_t mark;
	size_t i;
	json_t *action;

	lc_check_url(check, message, "baseUrl", LC_REQUIRED, LC_URL_HTTPS, URL_MAX);
	lc_check_text(check, message, "altText", LC_REQUIRED, LC_UTF16, ALT_TEXT_MAX);
	if (size != NULL)
	{
		mark = lc_check_enter(check, "baseSize");
		if (lc_check_integer(check, size, "width", LC_REQUIRED, 1, &width) && width != 1040)
			lc_check_problem(check, "width", "must be 1040", 1040, width);
		lc_check_integer(check, size, "height", LC_REQUIRED, 1, NULL);
		lc_check_leave(check, mark);
	}
	check_imagemap_video(check, message);
	mark = lc_check_enter(check, "actions");
	json_array_foreach(actions, i, action)
	{
		size_t inner = lc_check_enter_index(check, i);

		check_imagemap_action(check, action);
		lc_check_leave(check, inner);
	}
	lc_check_leave(check, mark);
}

/* With a video its two URLs and its area are needed; with a link its URI and label. */
static void
check_imagemap_video(LcCheck *check, json_t *message)
{
	json_t *video = lc_check_object(check, message, "video", LC_OPTIONAL);
	size_t mark;
	json_t *link;

	if (video == NULL)
		return;
	mark = lc_check_enter(check, "video");
	lc_check_url(check, video, "originalContentUrl", LC_REQUIRED, LC_URL_HTTPS, URL_MAX);
	lc_check_url(check, video, "previewImageUrl", LC_REQUIRED, LC_URL_HTTPS, URL_MAX);
	lc_check_area(check, video, LC_REQUIRED);
	link = lc_check_object(check, video, "externalLink", LC_OPTIONAL);
	if (link != NULL)
	{
		lc_check_enter(check, "externalLink");
		lc_check_url(check, link, "linkUri", LC_REQUIRED, LC_URL_ACTION, 1000);
		lc_check_text(check, link, "label", LC_REQUIRED, LC_GRAPHEMES, 30);
	}
	lc_check_leave(check, mark);
}

static void
check_imagemap_action(LcCheck *check, json_t *action)
{
	static const char *const types[] = {"uri", "message", "clipboard", NULL};
	const char *type;

	if (!json_is_object(action))
	{
		lc_check_problem(check, NULL, "not an object", -1, -1);
		return;
	}
	type = lc_check_word(check, action, "type", LC_REQUIRED, types);
	lc_check_area(check, action, LC_REQUIRED);
	lc_check_text(check, action, "label", LC_OPTIONAL, LC_GRAPHEMES, 100);
	if (type == NULL)
		return;
	if (strcmp(type, "uri") == 0)
		lc_check_url(check, action, "linkUri", LC_REQUIRED, LC_URL_ACTION, 1000);
	else if (strcmp(type, "message") == 0)
		lc_check_text(check, action, "text", LC_REQUIRED, LC_UTF16, 400);
	else
		lc_check_text(check, action, "clipboardText", LC_REQUIRED, LC_UTF16, 1000);
}

static void
check_buttons(LcCheck *check, json_t *template)
{
	check_image_style(check, template);
	check_face(check, template, 160);
	lc_check_actions(check, template, 1, 4, LC_IN_TEMPLATE);
}

static void
check_confirm(LcCheck *check, json_t *template)
{
	lc_check_text(check, template, "text", LC_REQUIRED, LC_GRAPHEMES, 240);
	lc_check_actions(check, template, 2, 2, LC_IN_TEMPLATE);
}

/* Every column has as many actions as the first one. */
static void
check_carousel(LcCheck *check, json_t *template)
{
	json_t *columns = lc_check_array(check, template, "columns", LC_REQUIRED, 1, COLUMNS_MAX);
	size_t mark;
	size_t first = 0;
	size_t i;
	json_t *column;

	check_image_style(check, template);
	mark = lc_check_enter(check, "columns");
	json_array_foreach(columns, i, column)
	{
		size_t inner = lc_check_enter_index(check, i);
		size_t actions = check_column(check, column);

		if (i == 0)
			first = actions;
		else if (actions != first && json_is_object(column))
			lc_check_problem(check, "actions", "not as many as in the first column", (int64_t) first,
			                 (int64_t) actions);
		lc_check_leave(check, inner);
	}
	lc_check_leave(check, mark);
}

static size_t
check_column(LcCheck *check, json_t *column)
{
	if (!json_is_object(column))
	{
		lc_check_problem(check, NULL, "not an object", -1, -1);
		return 0;
	}
	check_face(check, column, 120);
	return lc_check_actions(check, column, 1, 3, LC_IN_TEMPLATE);
}

static void
check_image_carousel(LcCheck *check, json_t *template)
{
	json_t *columns = lc_check_array(check, template, "columns", LC_REQUIRED, 1, COLUMNS_MAX);
	size_t mark = lc_check_enter(check, "columns");
	size_t i;
	json_t *column;

	json_array_foreach(columns, i, column)
	{
		size_t inner = lc_check_enter_index(check, i);

		if (!json_is_object(column))
			lc_check_problem(check, NULL, "not an object", -1, -1);
		else
		{
			lc_check_url(check, column, "imageUrl", LC_REQUIRED, LC_URL_HTTPS, URL_MAX);
			lc_check_action_member(check, column, "action", LC_REQUIRED, LC_IN_IMAGE_CAROUSEL);
		}
		lc_check_leave(check, inner);
	}
	lc_check_leave(check, mark);
}

static void
check_image_style(LcCheck *check, json_t *template)
{
	static const char *const ratios[] = {"rectangle", "square", NULL};
	static const char *const sizes[] = {"cover", "contain", NULL};

	lc_check_word(check, template, "imageAspectRatio", LC_OPTIONAL, ratios);
	lc_check_word(check, template, "imageSize", LC_OPTIONAL, sizes);
}

/* Image, title and text of a buttons template or a column: an image or a title leaves room for 60 characters only. */
static void
check_face(LcCheck *check, json_t *place, int64_t text_max)
{
	bool image = json_is_string(json_object_get(place, "thumbnailImageUrl"));
	bool title = json_is_string(json_object_get(place, "title"));

	lc_check_url(check, place, "thumbnailImageUrl", LC_OPTIONAL, LC_URL_HTTPS, URL_MAX);
	lc_check_string(check, place, "imageBackgroundColor", LC_OPTIONAL);
	lc_check_text(check, place, "title", LC_OPTIONAL, LC_GRAPHEMES, 40);
	lc_check_text(check, place, "text", LC_REQUIRED, LC_GRAPHEMES, image || title ? 60 : text_max);
	lc_check_action_member(check, place, "defaultAction", LC_OPTIONAL, LC_IN_TEMPLATE_DEFAULT);
}
