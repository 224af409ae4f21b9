// SPDX-License-Identifier: GPL-2.0
/*
 * frames --seconds N [--seed S]: changers (change.c) work on a few files as fsstress does,
 * holders (holder.c) register ranges of them, and whatever the changers do, each
 * pinned frame is the file's block, and is shared with nobody, until its holder deregisters.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../tap.h"
#include "frames.h"
#include "holdfast.h"

#define CHANGERS 3
#define HOLDERS	 4
#define LARGE	 (2UL << 20)

struct board *board;
bool may_share, may_unshare;
int scale = 1;

uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint32_t random_below(uint64_t *state, uint32_t limit)
{
	return random_next(state) % limit;
}

void file_path(char path[32], unsigned int file)
{
	snprintf(path, 32, PMEM "frames-%u", file);
}

/*
 * On DAX a large page needs an address that differs from the offset by a multiple of its
 * size. Stock kernels miscount large pages of files that share blocks
 * (doc/semantics.md, Not covered), so there must be none where may_share.
 */
char *map_file(int fd, uint64_t offset, size_t length, bool small)
{
	char *room, *map;

	room = mmap(NULL, length + 2 * LARGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED)
		return room;
	map = room + (((uintptr_t)offset - (uintptr_t)room) & (LARGE - 1));
	if (small)
		map += PAGE;
	/* What remains of the room would be one more mapping each time. */
	munmap(room, length + 2 * LARGE);
	return mmap(map, length, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED_NOREPLACE, fd, offset);
}

/*
 * Stock kernels keep a page whose block the file no longer
 * has, when a fault reads a shared block while write(2) replaces it, and warn when the other
 * file reads the block (doc/semantics.md, Not covered): here the two take turns.
 */
void no_writes_from_here(int fd)
{
	flock(fd, LOCK_SH);
}

void no_faults_from_here(int fd)
{
	flock(fd, LOCK_EX);
}

void no_faults_until_here(int fd)
{
	flock(fd, LOCK_UN);
}

static void board_make(void)
{
	const char *fs = getenv("HOLDFAST_LAB_FS");
	const char *kernel = getenv("HOLDFAST_LAB_KERNEL");
	const char *slower = getenv("HOLDFAST_TIME_SCALE");

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED || !fs || !kernel)
		tap_bail("shared memory, and lab/guest's environment: %s",
			 strerror(errno));
	/* 6.1 forgets a mark, and shows what was in free blocks: doc/semantics.md. */
	may_share = !strcmp(fs, "xfs") && strcmp(kernel, "6.1");
	/* It leaves dirty pages in the page cache: doc/semantics.md. */
	may_unshare = may_share && strcmp(kernel, "6.12");
	if (slower)
		scale = atoi(slower);
}

static void files_make(void)
{
	char path[32];
	int fd;

	for (unsigned int i = 0; i < FILES; i++) {
		file_path(path, i);
		fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fd < 0 || ftruncate(fd, MOST * PAGE))
			tap_bail("%s: %s", path, strerror(errno));
		close(fd);
	}
}

static void files_remove(void)
{
	char path[32];

	for (unsigned int i = 0; i < FILES; i++) {
		file_path(path, i);
		unlink(path);
	}
}

static pid_t start(unsigned int nr, uint64_t seed)
{
	pid_t pid = fork();

	if (pid < 0)
		tap_bail("fork: %s", strerror(errno));
	if (pid)
		return pid;
	seed += nr;
	if (nr < CHANGERS)
		changer_run(random_next(&seed));
	else
		holder_run(random_next(&seed), nr % 2);
	fflush(stdout);
	_exit(0);
}

static bool no_lease_left(void)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	int ret;

	/* The last ones end when their files have been closed. */
	for (unsigned int i = 0; i < 200U * scale; i++) {
		if (hf_report_open(NULL, &report))
			tap_bail("report: %s", hf_error());
		ret = hf_report_next(report, &entry);
		hf_report_close(report);
		if (ret != 1)
			return !ret;
		usleep(50000);
	}
	return false;
}

static uint64_t changes_say(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < CHANGES; i++) {
		if (!change_is_here(i))
			continue;
		tap_diag("%s: %llu of %llu succeeded", change_name(i),
			 (unsigned long long)board->made[i],
			 (unsigned long long)board->tried[i]);
		sum += board->made[i];
	}
	for (int i = 0; i < ERRORS; i++) {
		if (board->refused[i])
			tap_diag("registrations that failed: %llu, %s",
				 (unsigned long long)board->refused[i],
				 strerror(i));
	}
	return sum;
}

static void judge(unsigned int ended)
{
	uint64_t changes = changes_say();

	tap_is(ended, CHANGERS + HOLDERS, "every process comes to its end");
	tap_ok(board->registrations && board->breaks,
	       "ranges are registered, and changes meet them");
	tap_is(board->moved, 0,
	       "each pinned frame is the file's block, at each look");
	tap_is(board->shared, 0, "and is shared with nobody");
	tap_ok(no_lease_left(), "no lease is left");
	tap_diag("figure registrations: %llu",
		 (unsigned long long)board->registrations);
	tap_diag("figure changes raced: %llu", (unsigned long long)changes);
	tap_diag("figure breaks: %llu", (unsigned long long)board->breaks);
	tap_diag("figure looks at pinned frames: %llu",
		 (unsigned long long)board->looks);
	tap_diag("figure frames compared: %llu",
		 (unsigned long long)board->compared);
	tap_diag("figure frames not in the page table: %llu",
		 (unsigned long long)board->unseen);
	tap_diag("figure lost: %llu",
		 (unsigned long long)(board->moved + board->shared));
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'S' },
		{ 0 }
	};
	uint64_t seed = time(NULL);
	unsigned int seconds = 0, ended = 0;
	pid_t pids[CHANGERS + HOLDERS];
	int c, status;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 's')
			seconds = atoi(optarg);
		else if (c == 'S')
			seed = strtoull(optarg, NULL, 0);
		else
			seconds = 0, optind = argc + 1;
	}
	if (!seconds || optind != argc)
		errx(2, "usage: frames --seconds N [--seed S]");
	tap_diag("seed %llu", (unsigned long long)seed);
	board_make();
	files_make();
	for (unsigned int i = 0; i < CHANGERS + HOLDERS; i++)
		pids[i] = start(i, seed);
	/* What moved once is enough. */
	for (time_t end = time(NULL) + seconds;
	     time(NULL) < end && !board->moved;)
		usleep(100000);
	board->stop = true;
	for (unsigned int i = 0; i < CHANGERS + HOLDERS; i++) {
		waitpid(pids[i], &status, 0);
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			ended++;
		else
			tap_diag("process %u: status %#x", i, status);
	}
	judge(ended);
	files_remove();
	return tap_done();
}
