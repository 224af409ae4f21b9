// SPDX-License-Identifier: GPL-2.0
/* What must be gone when those who had it are gone. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "holdfast.h"
#include "leak.h"

#define SOON_MS	    (20000 * world->scale)
#define CHARGE	    (4UL << 20)
/* The kernel counts open files by CPU, and sums that up now and then. */
#define FILES_SLACK 200

static unsigned long files_begin;
static int kernel_log = -1;

static unsigned long files_open_now(void)
{
	unsigned long count = 0;
	FILE *file = fopen("/proc/sys/fs/file-nr", "r");

	if (!file || fscanf(file, "%lu", &count) != 1)
		give_up("file-nr: %s", strerror(errno));
	fclose(file);
	return count;
}

void leak_begin(void)
{
	files_begin = files_open_now();
	kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kernel_log < 0 || lseek(kernel_log, 0, SEEK_END) < 0)
		give_up("/dev/kmsg: %s", strerror(errno));
}

unsigned int kernel_kills(void)
{
	unsigned int kills = 0;
	char line[1024];
	ssize_t n;

	while ((n = read(kernel_log, line, sizeof(line) - 1)) > 0 ||
	       (n < 0 && errno == EPIPE)) {
		line[n > 0 ? n : 0] = '\0';
		if (strstr(line, ";holdfast: ") && strstr(line, "kill"))
			kills++;
	}
	return kills;
}

/* The first line of what a command says; "" when it says nothing. */
static const char *first_line(const char *command)
{
	static char line[256];
	FILE *pipe = popen(command, "r");

	if (!pipe)
		give_up("%s: %s", command, strerror(errno));
	if (!fgets(line, sizeof(line), pipe))
		line[0] = '\0';
	pclose(pipe);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

/*
 * Files that sockets in flight hold are found when the next socket is closed,
 * whoever does that; nobody else may do that here.
 */
static void collect_garbage(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
}

static void nothing_left(const char *command, const char *what)
{
	uint64_t limit = now_ns() + SOON_MS * 1000000ULL;
	const char *line;

	for (;;) {
		collect_garbage();
		line = first_line(command);
		if (!*line)
			return;
		if (now_ns() > limit) {
			problem("%s: left: %s", what, line);
			return;
		}
		sleep_ms(100);
	}
}

void leak_look(void)
{
	nothing_left("tail -n +2 /proc/fs/holdfast/leases", "leases");
	/* The kernel has queue pairs of its own, and no process. */
	nothing_left("rdma resource show mr; rdma resource show qp | grep pid",
		     "RDMA");
}

static void user_leases(void)
{
	struct rlimit limit = { CHARGE, CHARGE };
	int fd = open(PMEM "charge", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	int lease;

	if (fd < 0 || fallocate(fd, 0, 0, CHARGE) ||
	    setrlimit(RLIMIT_MEMLOCK, &limit) || setgroups(0, NULL) ||
	    setgid(USER_ID) || setuid(USER_ID))
		give_up("the user: %s", strerror(errno));
	lease = hf_acquire(fd, 0, CHARGE, NULL);
	if (lease < 0)
		problem("the user can not lease what he is allowed to: %s",
			hf_error());
	_exit(0);
}

void leak_end(void)
{
	unsigned long now = files_open_now();
	pid_t pid = process_start();

	if (!pid)
		user_leases();
	process_end(pid, SOON_MS, "a lease of the user");
	unlink(PMEM "charge");
	if (now > files_begin + FILES_SLACK)
		problem("%lu files are open, in the beginning %lu", now,
			files_begin);
}

void fsck(void)
{
	uint64_t limit = now_ns() + SOON_MS * 1000000ULL;
	int status;

	while (umount(PMEM)) {
		if (errno != EBUSY || now_ns() > limit) {
			problem("umount: %s", strerror(errno));
			return;
		}
		sleep_ms(20);
	}
	status = system(world->xfs ? "xfs_repair -n /dev/pmem0 >/tmp/fsck 2>&1"
				   : "e2fsck -f -n /dev/pmem0 >/tmp/fsck 2>&1");
	if (status)
		problem("fsck: status %#x: %s", status,
			first_line("grep -v ^Phase /tmp/fsck | head -c 200"));
	figure_add(FIGURE_FSCKS, 1);
	if (mount("/dev/pmem0", PMEM, getenv("HOLDFAST_LAB_FS"), 0,
		  "dax=always"))
		give_up("mount: %s", strerror(errno));
}
