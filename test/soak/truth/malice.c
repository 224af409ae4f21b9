// SPDX-License-Identifier: GPL-2.0
/*
 * Death and malice: what is done to holders, to the device and to the
 * filesystem while it all goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "holdfast.h"
#include "malice.h"
#include "misdeed.h"

/* Deleting the device waits until all who have it open are gone. */
static pid_t deletion;

static pid_t tracers[FAULTS];

static bool write_text(const char *path, const char *fmt, ...)
{
	char text[64];
	va_list args;
	bool done;
	int fd;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	done = fd >= 0 &&
	       write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return done;
}

void malice_prepare(void)
{
	if (mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL) &&
	    errno != EBUSY)
		give_up("cgroup2: %s", strerror(errno));
	if (!write_text("/sys/fs/cgroup/cgroup.subtree_control", "+memory") ||
	    (mkdir(CGROUP, 0755) && errno != EEXIST) ||
	    !write_text(CGROUP "/memory.max", "16M"))
		give_up("%s: %s", CGROUP, strerror(errno));
}

static pid_t victim(const struct plan_fault *fault)
{
	unsigned int part = fault->part % world->plan.parts[fault->slot];

	return world->slots[fault->slot].parts[part].holder;
}

static void order(const struct plan_fault *fault, enum order what)
{
	unsigned int part = fault->part % world->plan.parts[fault->slot];

	world->slots[fault->slot].parts[part].order = what;
}

/* The owner of its files in /proc is root, as it has changed its ids. */
static uid_t uid_of(pid_t pid)
{
	char path[32], line[128];
	uid_t uid = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Uid: %u", &uid) == 1)
			break;
	}
	if (file)
		fclose(file);
	return uid;
}

/*
 * Held by a tracer, also when it is being killed: until that one is, too. It is of
 * the same user: the fence leaves others' alone, see doc/semantics.md.
 */
static void fault_trace(pid_t pid, pid_t *tracer)
{
	uid_t uid = uid_of(pid);

	*tracer = process_start();
	if (*tracer)
		return;
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT) ||
	    setresuid(uid, uid, uid) || prctl(PR_SET_PDEATHSIG, SIGKILL) ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0))
		_exit(0);
	for (;;)
		pause();
}

static void fault_memory(const struct plan_fault *fault, pid_t pid)
{
	if (write_text(CGROUP "/cgroup.procs", "%d", pid))
		order(fault, ORDER_MEMORY);
}

static pid_t command(const char *name, ...)
{
	char *argv[16] = { (char *)name };
	va_list args;
	pid_t pid;
	int n = 0;

	va_start(args, name);
	while (argv[n])
		argv[++n] = va_arg(args, char *);
	va_end(args);
	if (posix_spawnp(&pid, name, NULL, NULL, argv, environ))
		give_up("%s: cannot be run", name);
	return pid;
}

static void fault_device(void)
{
	if (deletion)
		return;
	world->device = false;
	deletion = command("rdma", "link", "delete", "rxe0", NULL);
}

static void device_back(void)
{
	int status;

	if (!deletion)
		return;
	status =
		process_end(deletion, 60000 * world->scale, "rdma link delete");
	deletion = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		problem("rdma link delete: status %#x", status);
	status = process_end(command("rdma", "link", "add", "rxe0", "type",
				     "rxe", "netdev", "dummy0", NULL),
			     60000 * world->scale, "rdma link add");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		problem("rdma link add: status %#x", status);
	status = process_end(command("sh", "-c",
				     "chmod 666 /dev/infiniband/uverbs*", NULL),
			     60000 * world->scale, "chmod");
	world->device = true;
}

/* With a lease of our own, so that there is one. */
static void with_lease(void (*act)(void))
{
	int fd = openat(world->dir, "malice", O_RDWR | O_CREAT | O_CLOEXEC,
			0644);
	int lease = -1;

	if (fd >= 0 && !fallocate(fd, 0, 0, BLOCK))
		lease = hf_acquire(fd, 0, BLOCK, NULL);
	/* The filesystem is full: next time. */
	if (lease >= 0) {
		act();
		close(lease);
	}
	unlinkat(world->dir, "malice", 0);
	if (fd >= 0)
		close(fd);
}

static void unload(void)
{
	if (!syscall(SYS_delete_module, "holdfast", O_NONBLOCK))
		problem("the module was unloaded while there was a lease");
	else if (errno != EBUSY && errno != EAGAIN)
		problem("delete_module: %s", strerror(errno));
}

static void unmount(void)
{
	if (!umount2(PMEM, MNT_FORCE))
		problem("the filesystem was unmounted while there was a lease");
	else if (errno != EBUSY)
		problem("umount -f: %s", strerror(errno));
}

/* Who has files open goes on with them. */
static void detach(void)
{
	if (umount2(PMEM, MNT_DETACH))
		problem("umount -l: %s", strerror(errno));
	if (mount("/dev/pmem0", PMEM, getenv("HOLDFAST_LAB_FS"), 0,
		  "dax=always"))
		give_up("mount after umount -l: %s", strerror(errno));
}

/* Waits for changes that are under way, and these for their holders. */
static void freeze(unsigned int ms)
{
	uint64_t begin = now_ns();

	if (ioctl(world->dir, FIFREEZE, 0)) {
		problem("freeze: %s", strerror(errno));
		return;
	}
	sleep_ms(ms);
	if (ioctl(world->dir, FITHAW, 0))
		problem("thaw: %s", strerror(errno));
	atomic_fetch_add(&world->held_up_ms, (now_ns() - begin) / 1000000);
}

static void fault_make(const struct plan_fault *fault)
{
	pid_t pid = victim(fault);

	switch (fault->fault) {
	case FAULT_UNLOAD:
		with_lease(unload);
		break;
	case FAULT_UMOUNT:
		with_lease(unmount);
		break;
	case FAULT_DETACH:
		with_lease(detach);
		break;
	case FAULT_FREEZE:
		freeze(fault->span_ms);
		break;
	case FAULT_DEVICE:
		fault_device();
		break;
	case FAULT_FORK:
		order(fault, ORDER_FORK);
		break;
	case FAULT_EXEC:
		order(fault, ORDER_EXEC);
		break;
	case FAULT_CYCLE:
		order(fault, ORDER_CYCLE);
		break;
	default:
		if (!pid)
			return;
		if (fault->fault == FAULT_KILL)
			kill(pid, SIGKILL);
		else if (fault->fault == FAULT_STOP)
			kill(pid, SIGSTOP);
		else if (fault->fault == FAULT_TRACE)
			fault_trace(pid, &tracers[fault - world->plan.faults]);
		else
			fault_memory(fault, pid);
		break;
	}
	figure_add(FIGURE_FAULTS, 1);
}

void malice_run(void)
{
	for (unsigned int i = 0; i < FAULTS; i++) {
		if (sleep_until_stop(world->plan.faults[i].delay_ms))
			break;
		fault_make(&world->plan.faults[i]);
	}
	while (!world->no_more)
		sleep_ms(10);
	for (unsigned int i = 0; i < FAULTS; i++) {
		if (!tracers[i])
			continue;
		kill(tracers[i], SIGKILL);
		waitpid(tracers[i], NULL, 0);
	}
	device_back();
}

void malice_undo(void)
{
	int fd = open(PMEM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		if (!ioctl(fd, FITHAW, 0))
			problem("the filesystem was left frozen");
		close(fd);
	}
}
