// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on freed blocks: a user has leased and mapped another's file in every
 * way he knows. The owner truncates it, and its blocks become those of a secret
 * file. Through none of the old mappings he reads the secret, or writes to it.
 * (With consumers the truncate waits, and he is fenced: attacker.c.)
 */
#define _GNU_SOURCE
#include <sys/uio.h>

#include "attack.h"
#include "extents.h"
#include "sigbus.h"

#define PATH   PMEM "attack-stale"
#define SECRET PMEM "attack-secret"
#define FILLER PMEM "attack-filler"
#define LENGTH (4 * MIB)
#define PAGE   4096UL
#define PAGES  (LENGTH / PAGE)
#define WORD   16

#define PUBLIC "public content.."
#define HIDDEN "hidden content.."
#define POISON "poisoned content"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

/* --- ways to a byte of memory; each true when it has been there */

typedef bool way_fn(char *addr, char *word, bool to);

static void copy(volatile char *to, const volatile char *from)
{
	for (int i = 0; i < WORD; i++)
		to[i] = from[i];
}

static bool by_instruction(char *volatile addr, char *volatile word, bool to)
{
	if (sigsetjmp(sigbus_fault, 1))
		return false;
	copy(to ? addr : word, to ? word : addr);
	return true;
}

static bool by_proc_mem(char *addr, char *word, bool to)
{
	int fd = open("/proc/self/mem", O_RDWR);
	ssize_t n = to ? pwrite(fd, word, WORD, (uintptr_t)addr)
		       : pread(fd, word, WORD, (uintptr_t)addr);

	close(fd);
	return n == WORD;
}

static bool by_process_vm(char *addr, char *word, bool to)
{
	struct iovec here = { word, WORD }, there = { addr, WORD };

	return (to ? process_vm_writev(getpid(), &here, 1, &there, 1, 0)
		   : process_vm_readv(getpid(), &here, 1, &there, 1, 0)) ==
	       WORD;
}

/* The kernel copies, in some system call. */
static bool by_pipe(char *addr, char *word, bool to)
{
	bool done;
	int fd[2];

	if (pipe(fd))
		return false;
	done = write(fd[1], to ? word : addr, WORD) == WORD &&
	       read(fd[0], to ? addr : word, WORD) == WORD;
	close(fd[0]);
	close(fd[1]);
	return done;
}

/* Page tables filled on request, not by a fault. */
static bool by_populating(char *addr, char *word, bool to)
{
	char *page = (char *)((uintptr_t)addr & ~(PAGE - 1));

	madvise(page, PAGE, MADV_POPULATE_READ);
	mlock(page, PAGE);
	return by_instruction(addr, word, to);
}

static const struct {
	const char *name;
	way_fn *go;
} ways[] = {
	{ "loads and stores", by_instruction },
	{ "/proc/self/mem", by_proc_mem },
	{ "process_vm_readv and writev", by_process_vm },
	{ "a pipe", by_pipe },
	{ "populated pages", by_populating },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* What came of trying each page of each mapping. */
struct found {
	unsigned int reached; /* something was read */
	unsigned int public, hidden;
	unsigned int written;
};

/* --- the attacker's processes */

enum {
	PLAIN,	  /* as mmap gave it */
	MOVED,	  /* by mremap */
	LEFT,	  /* the old place of that, MREMAP_DONTUNMAP */
	READONLY, /* by mprotect */
	MAPS
};

static void map_all(int lease, char *map[MAPS])
{
	for (unsigned int i = 0; i < MAPS; i++)
		if (i != LEFT)
			map[i] = lease_map(lease, 0, LENGTH);
	map[LEFT] = map[MOVED];
	map[MOVED] = mremap(map[LEFT], LENGTH, LENGTH,
			    MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	/* Not for such mappings before 6.13 or so: moved, then. */
	if (map[MOVED] == MAP_FAILED)
		map[MOVED] = map[LEFT];
	for (unsigned int i = 0; i < MAPS; i++)
		for (size_t at = 0; at < LENGTH; at += PAGE)
			gives_sigbus(map[i] + at);
	attack_needs(!mprotect(map[READONLY], LENGTH, PROT_READ), "mprotect");
}

static struct found try_all(char *map[MAPS], unsigned int way, bool poison)
{
	struct found found = { 0 };
	char word[WORD];

	for (unsigned int i = 0; i < MAPS; i++) {
		/* A few pages of each 2 MiB; they are alike. */
		for (size_t at = 0; at < LENGTH; at += 37 * PAGE) {
			memset(word, 0, WORD);
			found.reached += ways[way].go(map[i] + at, word, false);
			found.public += !memcmp(word, PUBLIC, WORD);
			found.hidden += !memcmp(word, HIDDEN, WORD);
			if (!poison || i == READONLY)
				continue;
			memcpy(word, POISON, WORD);
			found.written += ways[way].go(map[i] + at, word, true);
		}
	}
	return found;
}

/* Tries before and after the truncate; @socket says when. */
static void attacker(int lease, int socket)
{
	struct found found[WAYS];
	char *map[MAPS], byte;

	become(ATTACKER);
	sigbus_catch();
	/* As the default action of the pipe's end, which is no way. */
	signal(SIGPIPE, SIG_IGN);
	map_all(lease, map);
	for (int poison = 0; poison <= 1; poison++) {
		for (unsigned int way = 0; way < WAYS; way++)
			found[way] = try_all(map, way, poison);
		attack_needs(write(socket, found, sizeof(found)) ==
					     sizeof(found) &&
				     read(socket, &byte, 1) == 1,
			     "socket");
	}
	_exit(0);
}

static int attacker_start(int lease, pid_t *pid)
{
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		tap_bail("socketpair: %s", strerror(errno));
	*pid = child_fork();
	if (!*pid) {
		close(sockets[0]);
		attacker(lease, sockets[1]);
	}
	close(sockets[1]);
	return sockets[0];
}

static void attacker_found(int socket, struct found found[WAYS])
{
	size_t size = WAYS * sizeof(found[0]);

	if (!readable(socket, SOON) ||
	    read(socket, found, size) != (ssize_t)size)
		tap_bail("no attacker");
}

/* --- the owner's side */

static void fill(int fd, size_t length, const char *word)
{
	static char buf[MIB];

	for (size_t at = 0; at < MIB; at += WORD)
		memcpy(buf + at, word, WORD);
	for (size_t at = 0; at < length; at += MIB)
		if (pwrite(fd, buf, MIB, at) != (ssize_t)MIB)
			tap_bail("write: %s", strerror(errno));
}

/* Some free blocks, any, that XFS keeps for itself; a number from its tool. */
static unsigned long set_xfs_reserve(unsigned long blocks)
{
	unsigned long was = 0;
	char command[80];
	FILE *tool = popen("xfs_io -x -c resblks " PMEM, "re");

	if (!tool || fscanf(tool, "reserved blocks = %lu", &was) != 1)
		tap_bail("xfs_io: no reserve");
	while (fgetc(tool) != EOF)
		;
	pclose(tool);
	snprintf(command, sizeof(command),
		 "xfs_io -x -c 'resblks %lu' " PMEM " >/dev/null", blocks);
	if (system(command))
		tap_bail("%s", command);
	return was;
}

/*
 * What the filesystem keeps, so that no allocation fails late. Returns what it
 * was.
 */
static unsigned long set_reserve(unsigned long count)
{
	static const char path[] = "/sys/fs/ext4/pmem0/reserved_clusters";
	FILE *sys = fopen(path, "r+e");
	unsigned long was;

	if (!sys)
		return set_xfs_reserve(count);
	if (fscanf(sys, "%lu", &was) != 1 || fseek(sys, 0, SEEK_SET) ||
	    fprintf(sys, "%lu", count) < 0 || fclose(sys))
		tap_bail("%s: %s", path, strerror(errno));
	return was;
}

/* Takes all room, so that freed blocks are used again soon. */
static int fill_filesystem(void)
{
	int fd = open(FILLER, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	off_t size = 0;

	for (off_t part = 16 * MIB; part >= (off_t)PAGE; part /= 2)
		while (!fallocate(fd, 0, size, part))
			size += part;
	return fd;
}

/* The secret, in all the room there is; how many blocks it has of those in @old. */
static unsigned int make_secret(int fd, const uint64_t *old, size_t *length)
{
	static char buf[MIB];
	unsigned int again = 0;

	for (size_t at = 0; at < MIB; at += WORD)
		memcpy(buf + at, HIDDEN, WORD);
	for (*length = 0; pwrite(fd, buf, PAGE, *length) == (ssize_t)PAGE;
	     *length += PAGE)
		;
	for (size_t at = 0; at < *length; at += PAGE) {
		uint64_t block = block_of(fd, at);

		for (unsigned int i = 0; i < PAGES; i++)
			again += old[i] == block;
	}
	return again;
}

static bool secret_intact(int fd, size_t length)
{
	char word[WORD];

	for (size_t at = 0; at < length; at += WORD)
		if (pread(fd, word, WORD, at) != WORD ||
		    memcmp(word, HIDDEN, WORD))
			return false;
	return true;
}

int main(void)
{
	int fd, lease, sockets[2], secret, filler;
	struct found found[2][WAYS];
	static uint64_t old[PAGES];
	unsigned long reserve;
	unsigned int again;
	size_t length;
	pid_t pid[2];

	fd = file_of(PATH, LENGTH, OWNER, 0666);
	fill(fd, LENGTH, PUBLIC);
	for (unsigned int i = 0; i < PAGES; i++)
		old[i] = block_of(fd, i * PAGE);
	reserve = set_reserve(0);
	filler = fill_filesystem();
	/* Taken by root, so that two processes of the attacker may map it. */
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	for (int i = 0; i < 2; i++)
		sockets[i] = attacker_start(lease, &pid[i]);
	for (int i = 0; i < 2; i++)
		attacker_found(sockets[i], found[i]);
	for (unsigned int way = 0; way < WAYS; way++)
		tap_ok(found[0][way].reached > 0 &&
			       found[0][way].public == found[0][way].reached &&
			       found[1][way].public == found[0][way].public,
		       "before: by %s he reads the file (%u times)",
		       ways[way].name, found[0][way].public);

	tap_is(change_make("truncate", PATH, 0, 0, NULL, SOON), 0,
	       "the owner truncates it");
	sync();
	secret = open(SECRET, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	again = make_secret(secret, old, &length);
	/* Others are free, too, for the filesystem's own use. */
	tap_ok(again > PAGES / 8,
	       "the secret has %u of its %lu blocks, and %zu KiB", again, PAGES,
	       length / 1024);

	for (int i = 0; i < 2; i++)
		if (write(sockets[i], "g", 1) != 1)
			tap_bail("no attacker");
	for (int i = 0; i < 2; i++)
		attacker_found(sockets[i], found[i]);
	for (unsigned int way = 0; way < WAYS; way++) {
		tap_is(found[0][way].hidden + found[1][way].hidden, 0,
		       "by %s he does not read the secret", ways[way].name);
		tap_is(found[0][way].reached + found[1][way].reached +
			       found[0][way].written + found[1][way].written,
		       0, "nor anything, nor does he write");
	}
	tap_ok(secret_intact(secret, length), "the secret is as it was");
	for (int i = 0; i < 2; i++) {
		kill(pid[i], SIGKILL);
		child_wait(pid[i], SOON);
		close(sockets[i]);
	}
	close(lease);
	close(secret);
	close(filler);
	close(fd);
	unlink(SECRET);
	unlink(FILLER);
	unlink(PATH);
	set_reserve(reserve);
	return tap_done();
}
