/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tests of libholdfast-remote share: an exporter in a process of its own, which
 * takes orders over a socket, and an importer.
 */
#ifndef HOLDFAST_TEST_REMOTE_H
#define HOLDFAST_TEST_REMOTE_H

#include <arpa/inet.h>
#include <sys/socket.h>

#include "common.h"
#include "holdfast_remote.h"

/* The address of the guest's soft-RoCE device. */
#define REMOTE_ADDRESS "192.0.2.1"
#define REMOTE_PORT    7471

static inline struct sockaddr_in remote_address(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(REMOTE_PORT) };

	inet_pton(AF_INET, REMOTE_ADDRESS, &address.sin_addr);
	return address;
}

/* Each peer has its own. */
static inline const unsigned char *remote_token(unsigned char peer)
{
	static unsigned char tokens[256][HF_TOKEN_BYTES];

	memset(tokens[peer], peer, HF_TOKEN_BYTES);
	return tokens[peer];
}

/* --- the exporter */

struct exporter {
	pid_t pid;
	int sock;
};

/* What its process does at first, and with an order. */
struct exporter_does {
	struct hf_exporter_attr attr;
	void (*begin)(struct hf_exporter *exporter);
	void (*order)(struct hf_exporter *exporter, const char *order);
};

static inline long exporter_figure(struct hf_exporter *exporter,
				   const char *what)
{
	struct hf_exporter_info info;

	hf_exporter_query(exporter, &info);
	if (!strcmp(what, "sessions"))
		return info.sessions;
	if (!strcmp(what, "regions"))
		return info.regions;
	if (!strcmp(what, "dropped"))
		return info.dropped;
	if (!strcmp(what, "refused"))
		return info.refused;
	if (!strcmp(what, "violations"))
		return info.violations;
	if (!strcmp(what, "pauses"))
		return info.pauses;
	return -1;
}

static inline void exporter_run(const struct exporter_does *does, int sock)
{
	struct sockaddr_in address = remote_address();
	struct hf_exporter *exporter;
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	char order[128];
	long answer = 0;
	ssize_t n;
	int ret;

	/* Of an exporter that was killed the port may not be free yet. */
	while ((ret = hf_exporter_open((struct sockaddr *)&address, &does->attr,
				       &exporter)) == -EADDRINUSE &&
	       now_ns() < limit)
		usleep(20000);
	if (ret) {
		fprintf(stderr, "hf_exporter_open: %s\n", hf_remote_error());
		_exit(1);
	}
	does->begin(exporter);
	if (write(sock, &answer, sizeof(answer)) != sizeof(answer))
		_exit(1);
	while ((n = read(sock, order, sizeof(order) - 1)) > 0) {
		order[n] = '\0';
		answer = exporter_figure(exporter, order);
		if (answer < 0 && does->order) {
			does->order(exporter, order);
			answer = 0;
		}
		if (write(sock, &answer, sizeof(answer)) != sizeof(answer))
			_exit(1);
	}
	_exit(hf_exporter_close(exporter) ? 1 : 0);
}

/*
 * First thing of main(). The exporter is this program once more: a child that only forked
 * would share the parent's open RDMA device, which then outlives it.
 */
static inline void exporter_main(int argc, char **argv,
				 const struct exporter_does *does)
{
	if (argc == 3 && !strcmp(argv[1], "exporter"))
		exporter_run(does, atoi(argv[2]));
}

static inline struct exporter exporter_start(void)
{
	struct exporter exporter;
	int socks[2];
	long answer;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		tap_bail("socketpair: %s", strerror(errno));
	fflush(stdout);
	exporter.pid = fork();
	if (!exporter.pid) {
		char sock[12];

		snprintf(sock, sizeof(sock), "%d", dup(socks[1]));
		execl("/proc/self/exe", "exporter", "exporter", sock, NULL);
		_exit(127);
	}
	close(socks[1]);
	exporter.sock = socks[0];
	if (read(exporter.sock, &answer, sizeof(answer)) != sizeof(answer))
		tap_bail("the exporter does not start");
	return exporter;
}

static inline long exporter_ask(struct exporter *exporter, const char *order)
{
	long answer;

	if (write(exporter->sock, order, strlen(order)) < 0 ||
	    read(exporter->sock, &answer, sizeof(answer)) != sizeof(answer))
		tap_bail("the exporter has gone");
	return answer;
}

/* A figure becomes @want before long. */
static inline bool exporter_has(struct exporter *exporter, const char *figure,
				long want)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;

	while (exporter_ask(exporter, figure) != want) {
		if (now_ns() > limit)
			return false;
		usleep(10000);
	}
	return true;
}

/* Returns its exit status, or -1 if a signal has ended it. */
static inline int exporter_end(struct exporter *exporter)
{
	int status;

	close(exporter->sock);
	waitpid(exporter->pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void exporter_kill(struct exporter *exporter)
{
	kill(exporter->pid, SIGKILL);
	exporter_end(exporter);
}

static inline void admit(struct hf_exporter *exporter, const char *name,
			 unsigned char peer)
{
	if (hf_exporter_admit(
		    exporter,
		    &(struct hf_peer){ .name = name,
				       .token = remote_token(peer) })) {
		fprintf(stderr, "admit: %s\n", hf_remote_error());
		_exit(1);
	}
}

/* In the exporter's process: a file that exists. */
static inline struct hf_export *share(struct hf_exporter *exporter,
				      const char *name, const char *path,
				      uint64_t length,
				      const struct hf_export_attr *attr)
{
	struct hf_export *export_;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 ||
	    hf_export(exporter, name, fd, 0, length, attr, &export_)) {
		fprintf(stderr, "export %s: %s\n", name,
			fd < 0 ? strerror(errno) : hf_remote_error());
		_exit(1);
	}
	close(fd);
	return export_;
}

/* --- the importer */

/* @attr: all but address and token, or NULL */
static inline struct hf_importer *
import_with(unsigned char peer, const struct hf_importer_attr *attr)
{
	struct hf_importer_attr asked = attr ? *attr
					     : (struct hf_importer_attr){ 0 };
	struct sockaddr_in address = remote_address();
	struct hf_importer *importer;

	asked.address = (struct sockaddr *)&address;
	asked.token = remote_token(peer);
	if (hf_importer_open(&asked, &importer))
		tap_bail("hf_importer_open: %s", hf_remote_error());
	return importer;
}

static inline struct hf_importer *
import_as(unsigned char peer, unsigned int queues, unsigned int timeout_ms)
{
	return import_with(
		peer, &(struct hf_importer_attr){ .queues = queues,
						  .timeout_ms = timeout_ms });
}

static inline struct hf_remote *remote_open(struct hf_importer *importer,
					    const char *name)
{
	struct hf_remote *remote;

	if (hf_remote_open(importer, name, &remote))
		tap_bail("hf_remote_open: %s", hf_remote_error());
	return remote;
}

static inline struct hf_remote_info remote_query(struct hf_remote *remote)
{
	struct hf_remote_info info;

	hf_remote_query(remote, &info);
	return info;
}

static inline bool remote_becomes(struct hf_remote *remote,
				  enum hf_remote_state state)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;

	while (remote_query(remote).state != state) {
		if (now_ns() > limit)
			return false;
		usleep(10000);
	}
	return true;
}

/* Local memory of an importer. */
struct local {
	unsigned char *data;
	struct ibv_mr *mr;
};

static inline struct local local_make(struct hf_importer *importer,
				      size_t length)
{
	struct local local;

	local.data = aligned_alloc(4096, (length + 4095) / 4096 * 4096);
	if (local.data)
		local.mr = ibv_reg_mr(hf_importer_pd(importer), local.data,
				      length, IBV_ACCESS_LOCAL_WRITE);
	if (!local.data || !local.mr)
		tap_bail("local memory: %s", strerror(errno));
	return local;
}

static inline void local_end(struct local *local)
{
	ibv_dereg_mr(local->mr);
	free(local->data);
}

static inline struct ibv_sge local_part(const struct local *local,
					size_t offset, size_t length)
{
	return (struct ibv_sge){ (uintptr_t)local->data + offset, length,
				 local->mr->lkey };
}

/* An importer that has "file" open, with one queue and local memory. */
struct client {
	struct hf_importer *importer;
	struct hf_remote *remote;
	struct hf_queue *queue;
	struct local local;
	struct ibv_sge part; /* all of the local memory */
};

static inline struct client client_start(unsigned char peer,
					 const struct hf_importer_attr *attr,
					 size_t length)
{
	struct client client = { .importer = import_with(peer, attr) };

	client.queue = hf_importer_queue(client.importer, 0);
	client.remote = remote_open(client.importer, "file");
	client.local = local_make(client.importer, length);
	client.part = local_part(&client.local, 0, length);
	return client;
}

/* What hf_importer_close() says. */
static inline int client_end(struct client *client)
{
	local_end(&client->local);
	return hf_importer_close(client->importer);
}

/* The next completion of a queue, asleep in between; -ETIME in error if none comes. */
static inline struct hf_completion completion_next(struct hf_queue *queue)
{
	struct pollfd pollfd = { .fd = hf_queue_fd(queue), .events = POLLIN };
	struct hf_completion completion = { .error = -ETIME };
	uint64_t limit = now_ns() + 3 * SOON * 1000000ULL;

	while (!hf_queue_poll(queue, &completion, 1) && now_ns() < limit) {
		hf_queue_arm(queue);
		if (hf_queue_poll(queue, &completion, 1))
			break;
		poll(&pollfd, 1, 1000);
	}
	return completion;
}

#endif
