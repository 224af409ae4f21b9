// SPDX-License-Identifier: MIT
/*
 * 09-cache FILE: the registration cache of a communication library. A transfer
 * registers its buffer and leaves the registration for the next one. The buffer
 * is the program's mapping of FILE, of which the library knows nothing: the
 * kernel makes an implicit lease of what it registers, and its events say which
 * addresses a change waits for. Run it with "holdfast run --no-hitless", or on a
 * filesystem that "holdfast policy" allows. Ends on SIGTERM.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <holdfast.h>
#include <infiniband/verbs.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ENTRIES 16
#define LENGTH	(2UL << 20)

struct entry {
	char *addr; /* NULL: the entry is free */
	size_t length;
	struct ibv_mr *mr;
	unsigned int users; /* transfers that are under way */
	bool stale;	    /* a change waits for it: do not use it again */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry cache[ENTRIES];
static struct ibv_pd *pd;
static volatile sig_atomic_t enough;

/* Called with the lock held. */
static void drop_if_idle(struct entry *entry)
{
	if (!entry->stale || entry->users)
		return;
	ibv_dereg_mr(entry->mr); /* the change waits for this */
	entry->addr = NULL;
	printf("dropped\n");
}

/* Called with the lock held. */
static void drop_range(const char *addr, size_t length)
{
	for (struct entry *entry = cache; entry < cache + ENTRIES; entry++) {
		if (!entry->addr || entry->addr >= addr + length ||
		    addr >= entry->addr + entry->length)
			continue;
		entry->stale = true;
		drop_if_idle(entry);
	}
}

static void *watch_leases(void *arg)
{
	struct holdfast_event event;
	int watch = *(int *)arg;

	while (!hf_wait(watch, &event, -1)) {
		if (event.type != HOLDFAST_EVENT_BREAK && !event.lost)
			continue;
		printf("%s by %.16s\n", hf_op_name(event.op), event.comm);
		pthread_mutex_lock(&lock);
		if (event.lost) /* some events were: drop all there is */
			drop_range(NULL, SIZE_MAX);
		else
			drop_range((char *)event.address, event.lease_length);
		pthread_mutex_unlock(&lock);
	}
	errx(1, "%s", hf_error());
}

/* Called with the lock held. Returns NULL if there is none to be used. */
static struct entry *find(char *addr, size_t length)
{
	for (struct entry *entry = cache; entry < cache + ENTRIES; entry++)
		if (entry->addr == addr && entry->length >= length &&
		    entry->mr && !entry->stale)
			return entry;
	return NULL;
}

/* Called with the lock held. */
static struct entry *add(char *addr, size_t length)
{
	struct entry *entry = cache;

	while (entry->addr)
		if (++entry == cache + ENTRIES)
			errx(1, "the cache is full");
	*entry = (struct entry){ .addr = addr, .length = length };
	return entry;
}

static void cache_put(struct entry *entry)
{
	pthread_mutex_lock(&lock);
	entry->users--;
	drop_if_idle(entry);
	pthread_mutex_unlock(&lock);
}

static struct entry *cache_get(char *addr, size_t length)
{
	struct entry *entry;
	struct ibv_mr *mr;

	pthread_mutex_lock(&lock);
	entry = find(addr, length);
	if (entry) {
		entry->users++;
		pthread_mutex_unlock(&lock);
		return entry;
	}
	/* Before it is registered: its event can come before ibv_reg_mr() returns. */
	entry = add(addr, length);
	entry->users++;
	pthread_mutex_unlock(&lock);
	/* Without the lock: it may wait for a change, which waits for watch_leases(). */
	mr = ibv_reg_mr(pd, addr, length, IBV_ACCESS_LOCAL_WRITE);
	if (!mr)
		err(1, "ibv_reg_mr");
	printf("registered, key %#x\n", mr->lkey);
	pthread_mutex_lock(&lock);
	entry->mr = mr;
	pthread_mutex_unlock(&lock);
	return entry;
}

static void on_signal(int signal)
{
	(void)signal;
	enough = 1;
}

int main(int argc, char **argv)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct entry *entry;
	pthread_t thread;
	int fd, watch;
	char *buffer;

	setlinebuf(stdout);
	if (argc != 2)
		errx(2, "usage: 09-cache FILE");
	signal(SIGTERM, on_signal);
	fd = open(argv[1], O_RDWR);
	buffer = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || buffer == MAP_FAILED)
		err(1, "%s", argv[1]);
	if (!list || !*list)
		errx(1, "no RDMA device");
	pd = ibv_alloc_pd(ibv_open_device(*list));
	watch = hf_watch_own(); /* before the first registration */
	if (watch < 0)
		errx(1, "%s", hf_error());
	if (pthread_create(&thread, NULL, watch_leases, &watch))
		errx(1, "no thread");

	while (!enough) {
		entry = cache_get(buffer, LENGTH);
		usleep(1000); /* a transfer with entry->mr->lkey */
		cache_put(entry);
	}
	pthread_mutex_lock(&lock);
	drop_range(buffer, LENGTH);
	return 0;
}
