// SPDX-License-Identifier: GPL-2.0
/* See scrape.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "scrape.h"

#define REQUEST_ROOM 4096
/* How long a reader may keep a scraper waiting. */
#define PATIENCE_S   5

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* --- the socket */

static int address_of(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	strcpy(address->sun_path, path);
	return 0;
}

/* A socket of before that nobody listens on, of an agent that was killed. */
static void remove_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	if (fd < 0)
		return;
	if (!lstat(address->sun_path, &st) && S_ISSOCK(st.st_mode) &&
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)) &&
	    errno == ECONNREFUSED)
		unlink(address->sun_path);
	close(fd);
}

/* Metrics are sums: any process that can connect to the socket may read them. */
static int listen_on(const char *path)
{
	struct sockaddr_un address;
	int fd, err = address_of(&address, path);

	if (err)
		return err;
	remove_stale(&address);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    chmod(path, 0666) || listen(fd, 16)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int scrape_open(struct scrape *scrape)
{
	scrape->listener = -1;
	if (!scrape->path)
		return 0;
	scrape->listener = listen_on(scrape->path);
	if (scrape->listener >= 0)
		return 0;
	say(LOG_ERR, "%s: %s", scrape->path, strerror(-scrape->listener));
	return -1;
}

void scrape_close(struct scrape *scrape)
{
	if (scrape->listener < 0)
		return;
	unlink(scrape->path);
	close(scrape->listener);
}

/* --- in a scraper */

/* Until an empty line; false: something else came, or nothing in time. */
static bool read_request(int fd, char request[REQUEST_ROOM])
{
	size_t length = 0;

	while (length < REQUEST_ROOM - 1) {
		ssize_t got =
			read(fd, request + length, REQUEST_ROOM - 1 - length);

		if (got <= 0)
			return false;
		length += got;
		request[length] = '\0';
		if (strstr(request, "\r\n\r\n") || strstr(request, "\n\n"))
			return true;
	}
	return false;
}

static int answer(int fd, const char *status, const char *body)
{
	FILE *to = fdopen(fd, "w");

	if (!to)
		return 1;
	fprintf(to,
		"HTTP/1.1 %s\r\n"
		"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
		"Content-Length: %zu\r\n"
		"Connection: close\r\n\r\n%s",
		status, strlen(body), body);
	return fclose(to) ? 1 : 0;
}

static int answer_request(int fd, const struct agent_counts *agent)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	char request[REQUEST_ROOM], *text;

	signal(SIGPIPE, SIG_IGN);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!read_request(fd, request))
		return answer(fd, "400 Bad Request", "not a request\n");
	if (strncmp(request, "GET ", 4))
		return answer(fd, "405 Method Not Allowed", "only GET\n");
	if (strncmp(request + 4, "/metrics ", 9))
		return answer(fd, "404 Not Found", "only /metrics\n");
	text = metrics_text(agent);
	if (!text)
		return answer(fd, "500 Internal Server Error",
			      "see the log of holdfastd\n");
	return answer(fd, "200 OK", text);
}

/* node_exporter reads the file of before, or the new one. */
static int write_file(const char *path, const char *text)
{
	char *new;
	int err = 0;
	FILE *to;

	if (asprintf(&new, "%s.new", path) < 0)
		return ENOMEM;
	to = fopen(new, "we");
	if (!to)
		err = errno;
	if (to && (fputs(text, to) < 0 || fchmod(fileno(to), 0644)))
		err = errno;
	if (to && fclose(to) && !err)
		err = errno;
	if (!err && rename(new, path))
		err = errno;
	free(new);
	return err;
}

static int write_textfile(const char *path, const struct agent_counts *agent)
{
	char *text = metrics_text(agent);
	int err = text ? write_file(path, text) : ENOMEM;

	if (err)
		say(LOG_ERR, "%s: %s", path, strerror(err));
	return err ? 1 : 0;
}

/* --- in the agent */

/* It ends itself: what a module keeps waiting in the kernel is killed, too. */
static pid_t begin(void)
{
	pid_t pid = fork();

	if (pid < 0)
		say(LOG_ERR, "metrics: fork: %s", strerror(errno));
	if (!pid)
		alarm(SCRAPE_S);
	return pid;
}

static pid_t *free_scraper(struct scrape *scrape)
{
	for (size_t i = 0; i < SCRAPERS; i++)
		if (!scrape->scrapers[i])
			return &scrape->scrapers[i];
	return NULL;
}

struct pollfd scrape_poll(const struct scrape *scrape)
{
	struct pollfd poll = { .fd = -1, .events = POLLIN };

	for (size_t i = 0; i < SCRAPERS; i++)
		if (!scrape->scrapers[i])
			poll.fd = scrape->listener;
	return poll;
}

static void reap(pid_t *pid)
{
	if (*pid > 0 && waitpid(*pid, NULL, WNOHANG))
		*pid = 0;
}

static void accept_one(struct scrape *scrape, const struct agent_counts *agent)
{
	pid_t *scraper = free_scraper(scrape);
	int fd;

	if (!scraper)
		return;
	fd = accept4(scrape->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	*scraper = begin();
	if (!*scraper)
		_exit(answer_request(fd, agent));
	if (*scraper < 0)
		*scraper = 0;
	close(fd);
}

static void write_if_due(struct scrape *scrape,
			 const struct agent_counts *agent, int *next_ms)
{
	int64_t now = now_ms(), wait;

	if (!scrape->textfile)
		return;
	if (now >= scrape->next_ms && !scrape->writer) {
		scrape->next_ms = now + scrape->interval_ms;
		scrape->writer = begin();
		if (!scrape->writer)
			_exit(write_textfile(scrape->textfile, agent));
		if (scrape->writer < 0)
			scrape->writer = 0;
	}
	wait = scrape->next_ms > now ? scrape->next_ms - now : SCRAPE_S * 1000;
	if (*next_ms < 0 || wait < *next_ms)
		*next_ms = (int)wait;
}

void scrape_round(struct scrape *scrape, const struct agent_counts *agent,
		  bool connected, int *next_ms)
{
	for (size_t i = 0; i < SCRAPERS; i++)
		reap(&scrape->scrapers[i]);
	reap(&scrape->writer);
	if (connected)
		accept_one(scrape, agent);
	write_if_due(scrape, agent, next_ms);
}
