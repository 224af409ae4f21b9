// SPDX-License-Identifier: GPL-2.0
/*
 * A device that writes all the time, while its file is truncated and punched and
 * the blocks are given to another file: that one is never written to. It does not
 * know of breaks; who drives it answers them, or is killed for not doing so.
 */
#define _GNU_SOURCE
#include <sys/prctl.h>
#include <sys/statvfs.h>

#include "pages.h"
#include "vfio.h"

#define PATH	PMEM "vfio-canary"
#define FILLER	PMEM "vfio-filler"
#define CANARY	PMEM "vfio-bird"
/*
 * XFS keeps some 9 MiB of this filesystem free for its trees, and it does not matter to
 * it which blocks these are: only if more than that is freed some of it is used again.
 */
#define LENGTH	(16 * MIB)
#define FREED	(12 * MIB)
#define SCRATCH (IOVA + 64 * MIB)
#define ROUNDS	4
#define MARK	0xdd

/* Has the device write marks wherever it may, until it is killed. */
__attribute__((noreturn)) static void write_on(const struct vfio *vfio,
					       unsigned int seed)
{
	for (;;) {
		seed = seed * 1103515245 + 12345;
		edu_copy(vfio, IOVA + (seed >> 8) % (LENGTH / 4096) * 4096,
			 EDU_BUFFER_LEN, true);
	}
}

static void load_marks(const struct vfio *vfio)
{
	char *scratch = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	memset(scratch, MARK, 4096);
	if (vfio_map(vfio, scratch, 4096, SCRATCH) ||
	    !edu_copy(vfio, SCRATCH, EDU_BUFFER_LEN, false))
		_exit(1);
}

/* The driver has its own end of both. */
struct driver {
	pid_t pid;
	int go, ready;
};

static void tell(int fd)
{
	if (write(fd, "", 1) != 1)
		_exit(1);
}

static bool hear(int fd)
{
	char c;

	return readable(fd, SOON) && read(fd, &c, 1) == 1;
}

/*
 * Drives the device in a child, which has the registers, and answers where the
 * container is, if at all: at once when a change comes, and when it is told to
 * go on.
 */
static void drive(bool answers, int go, int ready)
{
	struct vfio vfio = vfio_open();
	int fd = open(PATH, O_RDWR | O_CLOEXEC);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE,
			       answers ? LONG_BREAK : AT_ONCE);
	struct holdfast_event event;
	struct hf_vfio *mapping;
	pid_t writer;
	char c;

	load_marks(&vfio);
	if (hf_vfio_map(vfio.container, IOVA, lease, fd, 0, LENGTH, NULL,
			&mapping))
		_exit(1);
	writer = fork();
	if (!writer && !prctl(PR_SET_PDEATHSIG, SIGKILL))
		write_on(&vfio, getpid());
	if (writer <= 0)
		_exit(1);
	tell(ready);
	while (!hf_wait(lease, &event, -1)) {
		if (event.type != HOLDFAST_EVENT_BREAK || !answers)
			continue;
		if (hf_vfio_break(mapping) || read(go, &c, 1) != 1 ||
		    hf_vfio_restore(mapping))
			_exit(1);
		tell(ready);
	}
}

/*
 * XFS keeps blocks for itself, anywhere: not while we want certain ones used. What
 * it kept is returned, or 0.
 */
static unsigned long reserve(unsigned long blocks)
{
	unsigned long was = 0;
	char command[80], line[80];
	FILE *from;

	if (strcmp(getenv("HOLDFAST_LAB_FS") ?: "", "xfs"))
		return 0;
	snprintf(command, sizeof(command),
		 "xfs_io -x -c resblks -c 'resblks %lu' " PMEM, blocks);
	from = popen(command, "re");
	if (from && fgets(line, sizeof(line), from))
		sscanf(line, "reserved blocks = %lu", &was);
	if (!from || pclose(from) || !was)
		tap_bail("%s", command);
	return was;
}

/* All that is free except for a little, so that what is freed is used again. */
static void fill_up(void)
{
	int fd = open(FILLER, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct statvfs fs;
	uint64_t most;

	if (fd < 0 || fstatvfs(fd, &fs))
		tap_bail(FILLER ": %s", strerror(errno));
	for (most = (uint64_t)fs.f_bavail * fs.f_frsize / 65536 * 65536;
	     fallocate(fd, 0, 0, most); most -= 65536)
		if (most <= MIB)
			tap_bail(FILLER ": %s", strerror(errno));
	close(fd);
}

/* As large as can be; true when some of its pages were the other's. */
static bool bird_make(const struct pages *pages, size_t *length)
{
	char *block = malloc(MIB);
	int fd = open(CANARY, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool again = false;
	struct pages own;
	ssize_t n;

	memset(block, 'c', MIB);
	*length = 0;
	/* All that is free, which may be more than what has been freed. */
	while ((n = write(fd, block, 65536)) > 0)
		*length += n;
	*length = *length / 4096 * 4096;
	free(block);
	if (!*length)
		tap_bail(CANARY ": %s", strerror(errno));
	own = pages_of(fd, 0, *length);
	for (size_t i = 0; i < own.nr && !again; i++)
		for (size_t j = 0; j < pages->nr && !again; j++)
			again = own.pfn[i] == pages->pfn[j];
	pages_free(&own);
	close(fd);
	return again;
}

/* How many of its bytes are not what was written. */
static size_t bird_dead(size_t length)
{
	int fd = open(CANARY, O_RDONLY | O_CLOEXEC);
	unsigned char *bytes = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
	size_t dead = 0;

	if (bytes == MAP_FAILED)
		tap_bail(CANARY ": %s", strerror(errno));
	for (size_t i = 0; i < length; i++)
		dead += bytes[i] != 'c';
	munmap(bytes, length);
	close(fd);
	return dead;
}

static bool has_marks(int fd)
{
	static unsigned char bytes[LENGTH];

	return pread(fd, bytes, LENGTH, 0) > 0 &&
	       memchr(bytes, MARK, LENGTH) != NULL;
}

static struct driver driver_start(bool answers)
{
	struct driver driver;
	int ready[2], go[2];

	if (pipe2(ready, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		tap_bail("pipe: %s", strerror(errno));
	driver.pid = child_fork();
	if (!driver.pid) {
		close(ready[0]);
		close(go[1]);
		drive(answers, go[0], ready[1]);
		_exit(1);
	}
	close(ready[1]);
	close(go[0]);
	driver.ready = ready[0];
	driver.go = go[1];
	if (!hear(driver.ready))
		tap_bail("the driver does not start");
	usleep(300000); /* some copies */
	return driver;
}

static void driver_end(struct driver *driver)
{
	close(driver->go);
	close(driver->ready);
}

/* One change, and the blocks given to another file, while the device goes on. */
static void round_of(int fd, const char *op, uint64_t offset, uint64_t length)
{
	struct pages pages = pages_of(fd, 0, LENGTH);
	size_t bird;
	bool again;

	tap_is(change_make(op, PATH, offset, length, NULL, 2 * SOON), 0, "%s",
	       op);
	/* XFS keeps what was freed until its log is written. */
	syncfs(fd);
	again = bird_make(&pages, &bird);
	tap_ok(again, "%s: the blocks are used again (%zu KiB)", op,
	       bird / 1024);
	usleep(500000);
	tap_is(bird_dead(bird), 0, "%s: nobody writes to them", op);
	unlink(CANARY);
	syncfs(fd);
	pages_free(&pages);
	if (ftruncate(fd, LENGTH))
		tap_bail("ftruncate: %s", strerror(errno));
}

static void test_answers(int fd)
{
	struct driver driver = driver_start(true);

	tap_ok(has_marks(fd), "the device writes to the file");
	for (int i = 0; i < ROUNDS; i++) {
		if (i % 2)
			round_of(fd, "punch", i * MIB / 2, FREED);
		else
			round_of(fd, "truncate", i * MIB / 2, 0);
		tell(driver.go);
		tap_ok(hear(driver.ready), "the driver goes on");
	}
	kill(driver.pid, SIGKILL);
	waitpid(driver.pid, NULL, 0);
	driver_end(&driver);
}

static void test_fenced(int fd)
{
	struct driver driver = driver_start(false);
	int status;

	round_of(fd, "truncate", 0, 0);
	status = child_wait(driver.pid, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "who does not answer is killed");
	driver_end(&driver);
}

int main(void)
{
	unsigned long kept;
	int fd;

	if (!vfio_device()) {
		tap_skip("no device: lab/guest --iommu has one");
		return tap_done();
	}
	fd = file_make(PATH, LENGTH);
	kept = reserve(1);
	fill_up();
	test_fenced(fd);
	if (ftruncate(fd, 0) || ftruncate(fd, LENGTH))
		tap_bail("ftruncate: %s", strerror(errno));
	test_answers(fd);
	unlink(FILLER);
	unlink(PATH);
	close(fd);
	reserve(kept ?: 1);
	return tap_done();
}
