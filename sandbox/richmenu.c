/*
 * richmenu.c
 *		Rich menus, as far as a client needs them to go through its motions: make, give, take, list. No pictures are
 *kept.
 *
 * Menus live as long as the process. A default menu is "user/all". Called with the state lock held.
 */
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *menus; /* id: {"channel", "menu"} */
static json_t *links; /* "channel user": id */

static void
start(void)
{
	if (menus)
		return;
	menus = json_object();
	links = json_object();
}

static json_t *
find_menu(Request *r, const char *id)
{
	json_t *entry = id ? json_object_get(menus, id) : NULL;

	if (entry && json_integer_value(json_object_get(entry, "channel")) == r->channel)
		return json_object_get(entry, "menu");
	answer_message(r, 404, "richmenu not found");
	return NULL;
}

static void
link_name(Request *r, const char *user, char out[64])
{
	snprintf(out, 64, "%d %.40s", r->channel, user);
}

static void
create(Request *r)
{
	json_t *menu = request_json(r, &r->body);
	uint8_t bytes[16];
	char id[48] = "richmenu-";

	if (!menu)
		return;
	if (!json_object_get(menu, "size") || !json_object_get(menu, "areas") || !json_object_get(menu, "chatBarText") ||
	    !json_object_get(menu, "name"))
	{
		answer_json(r, 400, "{\"message\":\"The request body has 1 error(s)\",\"details\":[]}");
		json_decref(menu);
		return;
	}
	if (route_by_name("richmenu_validate") == r->route)
	{
		json_decref(menu);
		answer_json(r, 200, "{}");
		return;
	}
	uuid_random(bytes);
	hex_encode(bytes, 16, id + 9);
	id[41] = '\0';
	json_object_set_new(menu, "richMenuId", json_string(id));
	json_object_set_new(menus, id, json_pack("{s:i, s:o}", "channel", r->channel, "menu", menu));
	answer_json(r, 200, "{\"richMenuId\":\"%s\"}", id);
}

static void
list(Request *r)
{
	json_t *all = json_array(), *entry;
	const char *id;

	json_object_foreach(menus, id, entry) if (json_integer_value(json_object_get(entry, "channel")) == r->channel)
	    json_array_append(all, json_object_get(entry, "menu"));
	answer_object(r, 200, json_pack("{s:o}", "richmenus", all));
}

static void
bulk(Request *r, bool linking)
{
	json_t *root = request_json(r, &r->body), *ids, *one;
	const char *menu;
	char name[64];
	size_t i;

	if (!root)
		return;
	ids = json_object_get(root, "userIds");
	menu = json_string_value(json_object_get(root, "richMenuId"));
	if (!json_is_array(ids) || json_array_size(ids) < 1 || json_array_size(ids) > 500)
		answer_json(r, 400,
		            "{\"message\":\"The request body has 1 error(s)\",\"details\":[{\"message\":\"Size must be "
		            "between 1 and 500\",\"property\":\"userIds\"}]}");
	else if (!linking || find_menu(r, menu))
	{
		json_array_foreach(ids, i, one)
		{
			link_name(r, json_is_string(one) ? json_string_value(one) : "", name);
			if (linking)
				json_object_set_new(links, name, json_string(menu));
			else
				json_object_del(links, name);
		}
		answer_json(r, 202, "{}");
	}
	json_decref(root);
}

static void
of_user(Request *r)
{
	char name[64];
	json_t *id;

	link_name(r, r->arg[0], name);
	id = json_object_get(links, name);
	if (id)
		answer_json(r, 200, "{\"richMenuId\":\"%s\"}", json_string_value(id));
	else
		answer_message(r, 404, "the user has no richmenu");
}

void
handle_richmenu(Request *r)
{
	const char *what = r->route->name + strlen("richmenu_");
	char name[64];
	json_t *menu;

	start();
	if (strcmp(what, "create") == 0 || strcmp(what, "validate") == 0)
		create(r);
	else if (strcmp(what, "list") == 0)
		list(r);
	else if (strncmp(what, "bulk", 4) == 0)
		bulk(r, strcmp(what, "bulk_link") == 0);
	else if (strcmp(what, "of_user") == 0)
		of_user(r);
	else if (strcmp(what, "unlink") == 0)
	{
		link_name(r, r->arg[0], name);
		json_object_del(links, name);
		answer_json(r, 200, "{}");
	}
	else if ((menu = find_menu(r, strcmp(what, "link") == 0 ? r->arg[1] : r->arg[0])))
	{
		if (strcmp(what, "get") == 0)
		{
			answer_object(r, 200, json_incref(menu));
			return;
		}
		link_name(r, r->arg[0], name);
		if (strcmp(what, "link") == 0)
			json_object_set_new(links, name, json_string(r->arg[1]));
		else if (strcmp(what, "delete") == 0)
			json_object_del(menus, r->arg[0]);
		answer_json(r, 200, "{}");
	}
}
