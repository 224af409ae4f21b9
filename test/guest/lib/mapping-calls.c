// SPDX-License-Identifier: GPL-2.0
/*
 * mapping-calls STATE FILE: make all kinds of calls on a mapping of a file with DAX,
 * and say what each returns. What it says must be the same in all states:
 *	plain		no lease; works without the module
 *	leased		half of the mapping is registered under a lease
 *	implicit	the same, without an explicit lease
 *	waiting		as leased, and another process's change waits for the region
 * For test/guest/same-without. Not copy_file_range(2): XFS shares blocks for that, and
 * copies them where there is a lease, see doc/semantics.md.
 */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <sys/file.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "mapping-calls.h"
#include "rdma.h"

#define LENGTH (6 * MIB)
#define PINNED (2 * MIB) /* from the beginning on */
#define TAIL   (4 * MIB) /* where blocks may go */

/* All calls are made before, also on a busy machine. */
#define BREAK_MS 200000

#define RW	(PROT_READ | PROT_WRITE)
#define TRACING "/sys/kernel/tracing/"
#define THP	"/sys/kernel/mm/transparent_hugepage/enabled"

static const char *path;
static char *map;
static int fd;
static char buffer[64 * 1024];

/* --- the state */

static struct rdma rdma;
static struct ibv_mr *mr;
static struct change change;
static int lease = -1, permission = -1;

static void state_enter(const char *state)
{
	struct holdfast_event event;

	if (!strcmp(state, "plain"))
		return;
	rdma = rdma_open();
	if (strcmp(state, "implicit") != 0)
		lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	else
		permission = hf_allow(BREAK_MS);
	mr = rdma_register(&rdma, map, PINNED);
	if (strcmp(state, "waiting") != 0)
		return;
	change = change_start("punch", path, MIB, MIB, NULL);
	if (!event_next(lease, &event, SOON))
		tap_bail("the change does not wait");
}

/* In the end the change is as late as it was meant to be. */
static void state_leave(const char *state)
{
	if (!strcmp(state, "plain"))
		return;
	if (change.pid && change_done(&change, 0))
		tap_bail("the change has not waited: %d", change.error);
	if (lease >= 0 && !lease_query(lease).pinned)
		tap_bail("nothing is pinned");
	ibv_dereg_mr(mr);
	if (change.pid && (!change_done(&change, SOON) || change.error))
		tap_bail("the change fails: %d", change.error);
	rdma_close(&rdma);
	close(lease);
	close(permission);
}

/* --- what is flushed */

/* How many entries of the page cache were flushed since the last call. */
static int flushed(void)
{
	FILE *trace = fopen(TRACING "trace", "r+e");
	char line[512];
	int n = 0;

	if (!trace)
		tap_bail("trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), trace))
		n += strstr(line, "dax_writeback_one:") != NULL;
	/* Opening it so empties it. */
	fclose(fopen(TRACING "trace", "we"));
	fclose(trace);
	return n;
}

static void store_and_flush(const char *what, int (*flush)(void))
{
	flushed();
	map[PAGE] ^= 1;
	said(what, flush());
	say("%s: %d entries flushed", what, flushed());
	said(what, flush());
	say("%s again: %d entries flushed", what, flushed());
}

static int by_fsync(void)
{
	return fsync(fd);
}

static int by_fdatasync(void)
{
	return fdatasync(fd);
}

static int by_msync(void)
{
	return msync(map, LENGTH, MS_SYNC);
}

static int by_syncfs(void)
{
	return syncfs(fd);
}

static void calls_flush(void)
{
	fsync(fd);
	store_and_flush("fsync", by_fsync);
	store_and_flush("fdatasync", by_fdatasync);
	store_and_flush("msync", by_msync);
	store_and_flush("syncfs", by_syncfs);
	said("msync of a page", msync(map + PAGE, PAGE, MS_SYNC));
	said("msync MS_ASYNC", msync(map, LENGTH, MS_ASYNC));
	said("msync MS_INVALIDATE", msync(map, LENGTH, MS_INVALIDATE));
	said("sync_file_range", sync_file_range(fd, 0, LENGTH, 7));
}

static bool newer(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec
				      : a->tv_nsec > b->tv_nsec;
}

static void calls_times(void)
{
	struct stat before, after;

	fsync(fd);
	fstat(fd, &before);
	usleep(50000);
	map[2 * PAGE] ^= 1;
	fstat(fd, &after);
	say("a store after fsync: mtime %s, ctime %s",
	    newer(&after.st_mtim, &before.st_mtim) ? "newer" : "as before",
	    newer(&after.st_ctim, &before.st_ctim) ? "newer" : "as before");
	before = after;
	usleep(50000);
	map[2 * PAGE] ^= 1;
	fstat(fd, &after);
	say("another store: mtime %s",
	    newer(&after.st_mtim, &before.st_mtim) ? "newer" : "as before");
}

/* --- what maps it */

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static void thp_set(const char *value)
{
	int file = open(THP, O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, value, strlen(value)) < 0)
		tap_bail("%s: %s", THP, strerror(errno));
	close(file);
}

/* Mapped anew at an aligned address, with pages as large as there are. */
static void large_pages(const char *thp)
{
	static const char *const sizes[] = { "KernelPageSize", "MMUPageSize",
					     "FilePmdMapped",  "Rss",
					     "THPeligible",    NULL };
	char *room = mmap(NULL, LENGTH + 2 * MIB, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *at = (char *)(((uintptr_t)room + 2 * MIB - 1) & ~(2 * MIB - 1));
	long before;

	thp_set(thp);
	if (mmap(at, PINNED, RW, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	before = faults();
	for (size_t i = 0; i < PINNED; i += PAGE)
		at[i] ^= 1;
	say("THP %s: %s", thp,
	    faults() - before < 256 ? "large pages" : "small pages");
	said_proc("/proc/self/smaps", at, sizes);
	munmap(room, LENGTH + 2 * MIB);
}

static void calls_look(void)
{
	static const char *const shown[] = {
		"KernelPageSize", "MMUPageSize", "Private_Hugetlb",
		"VmFlags",	  "Swap",	 NULL
	};
	static const char *const none[] = { NULL };
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	unsigned char resident[LENGTH / PAGE];
	unsigned int n = 0;
	struct statx stx;
	uint64_t entry;

	/* Registering has faulted in all that is pinned. */
	for (size_t i = 0; i < LENGTH; i += PAGE)
		map[i] ^= 1;
	said("mincore", mincore(map, LENGTH, resident));
	for (size_t i = 0; i < LENGTH / PAGE; i++)
		n += resident[i] & 1;
	say("mincore: %u resident", n);
	map[0] ^= 1;
	if (pread(pagemap, &entry, 8, (uintptr_t)map / PAGE * 8) != 8)
		tap_bail("pagemap: %s", strerror(errno));
	close(pagemap);
	say("pagemap: %s, %s, %s", entry >> 63 ? "present" : "not present",
	    entry >> 61 & 1 ? "of a file" : "of no file",
	    entry & ((1ULL << 55) - 1) ? "with a page frame" : "without one");
	said_proc("/proc/self/smaps", map, shown);
	said_proc("/proc/self/maps", map, none);
	said("statx", statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx));
	say("statx: attributes %llx of %llx, mode %o, links %u, size %llu",
	    (long long)stx.stx_attributes, (long long)stx.stx_attributes_mask,
	    stx.stx_mode, stx.stx_nlink, (long long)stx.stx_size);
	said("SEEK_HOLE", lseek(fd, 0, SEEK_HOLE));
	large_pages("never");
	large_pages("always");
	thp_set("madvise");
}

static void calls_map(void)
{
	static const char *const flags[] = { "VmFlags", NULL };
	char *other;

	other = said_map("mmap MAP_SYNC",
			 mmap(NULL, LENGTH, RW, MAP_SHARED_VALIDATE | MAP_SYNC,
			      fd, 0));
	said_proc("/proc/self/smaps", other, flags);
	other[5] = 's';
	said_same("MAP_SYNC", map + 5, "s", 1);
	munmap(other, LENGTH);
	other = said_map("mmap MAP_POPULATE",
			 mmap(NULL, LENGTH, RW, MAP_SHARED | MAP_POPULATE, fd,
			      0));
	said_same("MAP_POPULATE", map, other, LENGTH);
	munmap(other, LENGTH);
	other = said_map("mmap PROT_EXEC",
			 mmap(NULL, LENGTH, RW | PROT_EXEC, MAP_SHARED, fd, 0));
	munmap(other, LENGTH);
	other = said_map("mmap MAP_LOCKED",
			 mmap(NULL, LENGTH, RW, MAP_SHARED | MAP_LOCKED, fd,
			      0));
	munmap(other, LENGTH);
	other = said_map("mmap MAP_PRIVATE",
			 mmap(NULL, LENGTH, RW, MAP_PRIVATE, fd, 0));
	other[7] = 'p';
	say("MAP_PRIVATE: a store %s",
	    map[7] == 'p' ? "IS SEEN" : "is not seen");
	munmap(other, LENGTH);
}

static void calls_remap(void)
{
	char *room = mmap(NULL, LENGTH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	char *other, *moved;

	said_map("mremap shorter", mremap(map, LENGTH, LENGTH - MIB, 0));
	said_map("mremap longer", mremap(map, LENGTH - MIB, LENGTH,
					 MREMAP_MAYMOVE | MREMAP_FIXED, room));
	said_map("mremap back", mremap(room, LENGTH, LENGTH,
				       MREMAP_MAYMOVE | MREMAP_FIXED, map));
	map[MIB] = 'm';
	other = mmap(NULL, LENGTH, RW, MAP_SHARED, fd, 0);
	moved = said_map("mremap MREMAP_DONTUNMAP",
			 mremap(other, LENGTH, LENGTH,
				MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
	if (moved != MAP_FAILED) {
		said_same("MREMAP_DONTUNMAP, old", other + MIB, "m", 1);
		said_same("MREMAP_DONTUNMAP, new", moved + MIB, "m", 1);
		munmap(moved, LENGTH);
	}
	munmap(other, LENGTH);
}

static void calls_protect(void)
{
	static const int prots[] = { PROT_READ, PROT_NONE, RW | PROT_EXEC,
				     PROT_READ | PROT_EXEC, RW };
	char what[32];

	for (size_t i = 0; i < sizeof(prots) / sizeof(*prots); i++) {
		snprintf(what, sizeof(what), "mprotect %d", prots[i]);
		said(what, mprotect(map, PINNED, prots[i]));
		said("write(2) from there", pwrite(fd, map, 16, TAIL));
		said("read(2) to there", pread(fd, map, 16, TAIL));
	}
	map[3] = 'p';
	said_same("a store after mprotect", map + 3, "p", 1);
}

static void calls_lock(void)
{
	static const char *const locked[] = { "Locked", NULL };

	said("mlock", mlock(map, LENGTH));
	said_proc("/proc/self/smaps", map, locked);
	said("munlock", munlock(map, LENGTH));
	said("mlock2", mlock2(map, LENGTH, MLOCK_ONFAULT));
	said("munlock", munlock(map, LENGTH));
	said("mlockall", mlockall(MCL_CURRENT));
	said("munlockall", munlockall());
}

/* All advice but what poisons memory, and what gives blocks away: that in the end. */
static void calls_advise(void)
{
	char what[32];

	for (int advice = 0; advice <= 103; advice++) {
		if (advice == MADV_REMOVE || advice == MADV_HWPOISON ||
		    advice == 101)
			continue;
		if (advice == 30)
			advice = 102;
		snprintf(what, sizeof(what), "madvise %d", advice);
		said(what, madvise(map, LENGTH, advice));
	}
	memcpy(map + TAIL, "behind", 6);
	said("madvise MADV_REMOVE", madvise(map + TAIL, MIB, MADV_REMOVE));
	said_same("MADV_REMOVE", map + TAIL, "\0\0\0\0\0", 6);
	map[TAIL] = 'r';
	said_same("a store after MADV_REMOVE", map + TAIL, "r", 1);
}

/* --- what reads and writes it */

static void copy_calls(const char *name, int out)
{
	struct iovec parts[2] = { { map, 4096 }, { map + MIB, 4096 } };

	say("%s:", name);
	memset(map, 'c', 64 * 1024);
	said("write(2)", pwrite(out, map, 64 * 1024, 0));
	said("writev(2)", pwritev(out, parts, 2, 64 * 1024));
	said("read(2)", pread(out, map + MIB, 64 * 1024, 0));
	said("readv(2)", preadv(out, parts, 2, 64 * 1024));
	said_same("what was copied", map, map + MIB, 64 * 1024);
}

static void calls_copy(void)
{
	int out;

	out = scratch("/tmp/mapping-calls", 0);
	copy_calls("tmpfs", out);
	close(out);
	unlink("/tmp/mapping-calls");
	out = scratch(PMEM "mapping-calls.out", 0);
	copy_calls("DAX", out);
	close(out);
	out = scratch(PMEM "mapping-calls.out", O_DIRECT);
	copy_calls("DAX, O_DIRECT", out);
	close(out);
	unlink(PMEM "mapping-calls.out");
	out = open("/dev/ram0", O_RDWR | O_DIRECT | O_CLOEXEC);
	if (out < 0)
		tap_bail("/dev/ram0: %s", strerror(errno));
	copy_calls("disk, O_DIRECT", out);
	close(out);
	said("write(2) to the file itself", pwrite(fd, map, MIB, MIB));
	said("read(2) of the file itself", pread(fd, map + MIB, MIB, 0));
	memset(buffer, 'f', sizeof(buffer));
	said("write(2) behind the mapping",
	     pwrite(fd, buffer, sizeof(buffer), 4 * PAGE));
	said_same("what was written", map + 4 * PAGE, buffer, sizeof(buffer));
}

static void calls_pipe(void)
{
	struct iovec part = { map, 4 * PAGE };
	int pipefd[2], second[2], out = scratch("/tmp/mapping-calls", 0);
	loff_t pos = 0;

	if (pipe(pipefd) || pipe(second))
		tap_bail("pipe: %s", strerror(errno));
	said("vmsplice", vmsplice(pipefd[1], &part, 1, 0));
	said("tee", tee(pipefd[0], second[1], 4 * PAGE, 0));
	said("read of the pipe", read(pipefd[0], buffer, 4 * PAGE));
	said_same("vmsplice", buffer, map, 4 * PAGE);
	said("read of the other", read(second[0], buffer, 4 * PAGE));
	said_same("tee", buffer, map, 4 * PAGE);
	said("splice from the file",
	     splice(fd, &pos, pipefd[1], NULL, 4 * PAGE, 0));
	said("vmsplice to the mapping",
	     vmsplice(pipefd[0], &(struct iovec){ map + 2 * MIB, 4 * PAGE }, 1,
		      0));
	said_same("spliced", map, map + 2 * MIB, 4 * PAGE);
	said("sendfile", sendfile(out, fd, &(off_t){ 0 }, 16 * PAGE));
	for (int i = 0; i < 2; i++) {
		close(pipefd[i]);
		close(second[i]);
	}
	close(out);
	unlink("/tmp/mapping-calls");
}

static void calls_memory(void)
{
	struct iovec here = { buffer, sizeof(buffer) };
	struct iovec there = { map, sizeof(buffer) };
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	said("process_vm_readv",
	     process_vm_readv(getpid(), &here, 1, &there, 1, 0));
	said_same("process_vm_readv", map, buffer, sizeof(buffer));
	memset(buffer, 'v', sizeof(buffer));
	said("process_vm_writev",
	     process_vm_writev(getpid(), &here, 1, &there, 1, 0));
	said_same("process_vm_writev", map, buffer, sizeof(buffer));
	said("/proc/self/mem, read", pread(mem, buffer, 64, (uintptr_t)map));
	memset(buffer, 'q', 64);
	said("/proc/self/mem, write", pwrite(mem, buffer, 64, (uintptr_t)map));
	said_same("/proc/self/mem", map, buffer, 64);
	close(mem);
}

/* --- other processes */

static int child_uses(void *arg)
{
	(void)arg;
	if (map[8] != 'd')
		return 1;
	map[9] = 'e';
	return 0;
}

static void calls_fork(void)
{
	map[8] = 'd';
	said_child("fork", child_uses, NULL);
	said_same("a child's store", map + 9, "e", 1);
}

static void calls_trace(void)
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(map[16] == 't' ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	memcpy(map + 16, "12345678", 8);
	errno = 0;
	say("PTRACE_PEEKDATA: %lx",
	    ptrace(PTRACE_PEEKDATA, pid, map + 16, NULL));
	said("PTRACE_POKEDATA",
	     ptrace(PTRACE_POKEDATA, pid, map + 16, 0x7474747474747474));
	said_same("PTRACE_POKEDATA", map + 16, "tttttttt", 8);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	say("the traced child: %x", status);
}

/* Another mapping of the file: a shared futex is of the file, not of the address. */
static int child_wakes(void *arg)
{
	char *own = mmap(NULL, LENGTH, RW, MAP_SHARED, fd, 0);
	int *futex = (int *)(own + 5 * PAGE), tries;

	(void)arg;
	for (tries = 0; tries < SOON / 10; tries++) {
		if (syscall(SYS_futex, futex, FUTEX_WAKE, 1, NULL, NULL, 0))
			return 0;
		usleep(10000);
	}
	return 1;
}

static void calls_futex(void)
{
	int *futex = (int *)(map + 5 * PAGE), status;
	pid_t pid;

	*futex = 1;
	pid = child_fork();
	if (!pid)
		_exit(child_wakes(NULL));
	said("FUTEX_WAIT",
	     syscall(SYS_futex, futex, FUTEX_WAIT, 1,
		     &(struct timespec){ SOON / 1000, 0 }, NULL, 0));
	status = child_wait(pid, SOON);
	say("FUTEX_WAKE: %x", status);
}

static void calls_userfault(void)
{
	static const int modes[] = { UFFDIO_REGISTER_MODE_MISSING,
				     UFFDIO_REGISTER_MODE_WP,
				     UFFDIO_REGISTER_MODE_MINOR };
	struct uffdio_range range = { (uintptr_t)map, LENGTH };

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
		struct uffdio_api api = { .api = UFFD_API };
		struct uffdio_register reg = { range, modes[i], 0 };

		said("UFFDIO_API", ioctl(uffd, UFFDIO_API, &api));
		said("UFFDIO_REGISTER", ioctl(uffd, UFFDIO_REGISTER, &reg));
		say("UFFDIO_REGISTER: ioctls %llx", (long long)reg.ioctls);
		said("UFFDIO_UNREGISTER",
		     ioctl(uffd, UFFDIO_UNREGISTER, &range));
		close(uffd);
	}
}

/* A virtual machine whose memory it is, and that stores to it. */
static void calls_machine(void)
{
	/* movb $'K', 0x2000; hlt */
	static const char code[] = { 0xc6, 0x06, 0x00, 0x20, 'K', 0xf4 };
	struct kvm_userspace_memory_region region = {
		.memory_size = PINNED, .userspace_addr = (uintptr_t)map
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, cpu;
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	struct kvm_sregs sregs;
	struct kvm_run *run;

	if (kvm < 0) {
		say("no /dev/kvm");
		return;
	}
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	said("KVM_SET_USER_MEMORY_REGION",
	     ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region));
	memcpy(map + 0x1000, code, sizeof(code));
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), RW, MAP_SHARED,
		   cpu, 0);
	ioctl(cpu, KVM_GET_SREGS, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	ioctl(cpu, KVM_SET_SREGS, &sregs);
	ioctl(cpu, KVM_SET_REGS, &regs);
	said("KVM_RUN", ioctl(cpu, KVM_RUN, 0));
	say("KVM_RUN: exit %u, stored %c", run->exit_reason, map[0x2000]);
	close(cpu);
	close(vm);
	close(kvm);
}

/* --- other files */

static void calls_append_only(void)
{
	static const char append[] = PMEM "mapping-calls.append";
	int flags, on, file = scratch(append, 0), opened;

	if (pwrite(file, buffer, PAGE, 0) != (ssize_t)PAGE ||
	    ioctl(file, FS_IOC_GETFLAGS, &flags))
		tap_bail("%s: %s", append, strerror(errno));
	on = flags | FS_APPEND_FL;
	said("append-only", ioctl(file, FS_IOC_SETFLAGS, &on));
	opened = open(append, O_RDWR | O_CLOEXEC);
	said("append-only, open", opened);
	opened = open(append, O_RDWR | O_APPEND | O_CLOEXEC);
	said_map("append-only, to write",
		 mmap(NULL, PAGE, RW, MAP_SHARED, opened, 0));
	close(opened);
	opened = open(append, O_RDONLY | O_CLOEXEC);
	said_map("append-only, to read",
		 mmap(NULL, PAGE, PROT_READ, MAP_SHARED, opened, 0));
	close(opened);
	ioctl(file, FS_IOC_SETFLAGS, &flags);
	close(file);
	unlink(append);
}

/* Memory that is leased and registered in the states that have leases. */
static void calls_seals(void)
{
	int file = memfd_create("mapping-calls", MFD_ALLOW_SEALING);
	int own = -1;
	char *memory;

	if (file < 0 || ftruncate(file, MIB))
		tap_bail("memfd: %s", strerror(errno));
	if (mr)
		own = lease_make(file, 0, MIB, HOLDFAST_BREAKABLE, BREAK_MS);
	memory = map_shared(file, 0, MIB);
	said("seal, mapped", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
	said("seal the size",
	     fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	said("ftruncate of sealed", ftruncate(file, PAGE));
	munmap(memory, MIB);
	said("seal", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
	said("write(2) of sealed", pwrite(file, "x", 1, 0));
	close(own);
	close(file);
}

static void calls_file(void)
{
	char value[16];

	said("fallocate", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LENGTH));
	said("readahead", readahead(fd, 0, LENGTH));
	said("posix_fadvise",
	     posix_fadvise(fd, 0, LENGTH, POSIX_FADV_DONTNEED));
	said("flock", flock(fd, LOCK_EX | LOCK_NB));
	said("unlock", flock(fd, LOCK_UN));
	said("fchmod", fchmod(fd, 0640));
	said("fsetxattr", syscall(SYS_fsetxattr, fd, "user.x", "y", 1, 0));
	said("fgetxattr",
	     syscall(SYS_fgetxattr, fd, "user.x", value, sizeof(value)));
	said("ftruncate, the same size", ftruncate(fd, LENGTH));
	said("ftruncate, longer", ftruncate(fd, LENGTH + MIB));
	said("F_SETLEASE", fcntl(fd, F_SETLEASE, F_RDLCK));
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	path = argv[2];
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		tap_bail("%s: %s", path, strerror(errno));
	map = map_shared(fd, 0, LENGTH);
	state_enter(argv[1]);
	calls_flush();
	calls_times();
	calls_look();
	calls_map();
	calls_remap();
	calls_protect();
	calls_lock();
	calls_copy();
	calls_pipe();
	calls_memory();
	calls_fork();
	calls_trace();
	calls_futex();
	calls_userfault();
	calls_machine();
	calls_append_only();
	calls_seals();
	calls_file();
	calls_advise();
	state_leave(argv[1]);
	return 0;
}
