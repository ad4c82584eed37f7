/*
 * webhook_post.c
 *		Posts webhooks over plain HTTP/1.1, one after another on one connection, as a small stand-in for LINE's sender.
 *
 * HTTPS is left to a proxy: this is for one's own machine. LINE gives up after two seconds, and so does this.
 */
#include "webhooks.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static char host[256], port[8], path[1024];
static int fd = -1;

bool
webhook_post_open(const char *url)
{
	port[0] = path[0] = '\0';
	if (sscanf(url, "http://%255[^:/]:%7[0-9]%1023s", host, port, path) >= 2)
		return true;
	snprintf(port, sizeof(port), "80");
	path[0] = '\0';
	return sscanf(url, "http://%255[^:/]%1023s", host, path) >= 1;
}

static bool
connect_now(void)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	struct timeval patience = {.tv_sec = 2};

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return false;
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
	{
		fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0)
		{
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd >= 0;
}

static void
hang_up(void)
{
	close(fd);
	fd = -1;
}

static bool
write_all(const char *data, size_t len)
{
	while (len > 0)
	{
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t) n;
	}
	return true;
}

/* Reads one answer whole; its status, 0: none. */
static int
read_answer(void)
{
	Buf in = {0};
	char part[4096], *end = NULL, *length;
	size_t wanted = 0;
	int status = 0;

	for (;;)
	{
		ssize_t n = recv(fd, part, sizeof(part), 0);

		if (n <= 0)
			break;
		buf_add(&in, part, (size_t) n);
		buf_add(&in, "", 1);
		in.len--;
		if (!end && (end = strstr(in.data, "\r\n\r\n")))
		{
			length = strcasestr(in.data, "\r\ncontent-length:");
			wanted = (size_t) (end + 4 - in.data) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
			sscanf(in.data, "HTTP/1.%*d %d", &status);
		}
		if (end && in.len >= wanted)
			break;
	}
	if (status == 0 || (in.data && strcasestr(in.data, "\r\nconnection: close")))
		hang_up();
	buf_free(&in);
	return status;
}

/* The status of the answer, 0: none came. A connection that was closed meanwhile is opened again once. */
int
webhook_post(const Buf *body, const char *signature)
{
	int status = 0;

	for (int tries = 0; tries < 2 && status == 0; tries++)
	{
		Buf out = {0};
		bool fresh = fd < 0;

		if (fresh && !connect_now())
			return 0;
		buf_printf(&out,
		           "POST %s HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: application/json; charset=utf-8\r\n"
		           "User-Agent: LineBotWebhook/2.0\r\nx-line-signature: %s\r\nContent-Length: %zu\r\n\r\n",
		           path[0] ? path : "/", host, port, signature, body->len);
		buf_add(&out, body->data, body->len);
		if (write_all(out.data, out.len))
			status = read_answer();
		else
			hang_up();
		buf_free(&out);
		if (fresh)
			break;
	}
	return status;
}
