// SPDX-License-Identifier: GPL-2.0
/* A process and its open files, see process.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "process.h"
#include "internal/vfio-label.h"

const char *process_name(char room[PROCESS_NAME_ROOM], pid_t pid)
{
	char path[32];
	FILE *file;

	strcpy(room, "?");
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return room;
	if (fgets(room, PROCESS_NAME_ROOM, file))
		room[strcspn(room, "\n")] = '\0';
	fclose(file);
	return room;
}

bool process_started_at(pid_t pid, uint64_t start_ns)
{
	const uint64_t tick_ns = 1000000000 / sysconf(_SC_CLK_TCK);
	char path[32], line[1024], *end;
	unsigned long long ticks;
	bool same = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	/* The name, in parentheses, may have any characters; then field 3. */
	if (fgets(line, sizeof(line), file) && (end = strrchr(line, ')')) &&
	    sscanf(end + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d "
		   "%*d %*d %*d %*d %*d %llu",
		   &ticks) == 1)
		same = ticks == start_ns / tick_ns;
	fclose(file);
	return same;
}

int process_open(struct process *process, pid_t pid, uint64_t start_ns)
{
	/* The C library of Debian 12 has no wrappers. */
	int pidfd = syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0)
		return -errno;
	/* After that: if the pid is given away in between, the time differs. */
	if (!process_started_at(pid, start_ns)) {
		close(pidfd);
		return -ESRCH;
	}
	process->pid = pid;
	process->pidfd = pidfd;
	return 0;
}

void process_close(struct process *process)
{
	close(process->pidfd);
}

int process_borrow(const struct process *process, int fd)
{
	int own = syscall(SYS_pidfd_getfd, process->pidfd, fd, 0);

	return own < 0 ? -errno : own;
}

/* Its name may be any; what the kernel made the device of is in sysfs. */
static enum file_kind device_kind(dev_t device)
{
	char link[PATH_MAX], target[PATH_MAX], *subsystem;
	ssize_t length;

	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u/subsystem",
		 major(device), minor(device));
	length = readlink(link, target, sizeof(target) - 1);
	if (length < 0)
		return FILE_OTHER;
	target[length] = '\0';
	subsystem = strrchr(target, '/');
	if (!subsystem)
		return FILE_OTHER;
	return strcmp(subsystem, "/infiniband_verbs") ? FILE_OTHER
						      : FILE_UVERBS;
}

static enum file_kind file_kind(int dir, const char *name)
{
	static const char label[] = "/memfd:" HF_VFIO_LABEL;
	char target[PATH_MAX];
	struct statx st;
	ssize_t length = readlinkat(dir, name, target, sizeof(target) - 1);

	if (length < 0)
		return FILE_OTHER;
	target[length] = '\0';
	if (!strcmp(target, "anon_inode:[io_uring]"))
		return FILE_URING;
	if (!strncmp(target, label, strlen(label)))
		return FILE_VFIO_LABEL;
	/* What the kernel knows: a server that is asked may not answer. */
	if (statx(dir, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE,
		  &st) ||
	    !S_ISCHR(st.stx_mode))
		return FILE_OTHER;
	return device_kind(makedev(st.stx_rdev_major, st.stx_rdev_minor));
}

int process_each_file(const struct process *process,
		      int (*look)(const struct process *process, int fd,
				  enum file_kind kind, void *arg),
		      void *arg)
{
	struct dirent *entry;
	char path[32];
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", process->pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!ret && (entry = readdir(dir))) {
		enum file_kind kind;

		if (entry->d_name[0] == '.')
			continue;
		kind = file_kind(dirfd(dir), entry->d_name);
		if (kind != FILE_OTHER)
			ret = look(process, atoi(entry->d_name), kind, arg);
	}
	closedir(dir);
	return ret;
}
