// SPDX-License-Identifier: GPL-2.0
/*
 * Consumers other than memory regions, on a plain mapping of a file: fixed
 * buffers of an io_uring, a VFIO container, the packet memory of an AF_XDP
 * socket. Without a permission each is refused as by the stock kernel; with one
 * it works, is recorded under its name, and a change waits until it lets go.
 */
#define _GNU_SOURCE
#include <liburing.h>

#include "extents.h"
#include "implicit.h"
#include "pages.h"
#include "vfio.h"
#include "xdp.h"

#define PATH   PMEM "implicit-consumers"
#define LENGTH (4 * MIB)
#define OFFSET (2 * MIB)
#define MAPPED (2 * MIB)

static int file;
static struct io_uring ring;
static struct vfio vfio;
static int socket_fd;

/* A kind of consumer: it registers memory (0 or an errno value), and lets go. */
struct kind {
	const char *name; /* as in the report */
	int (*take)(char *memory, size_t length);
	void (*let_go)(void);
	/* Whether data goes to the file through the consumer, or NULL. */
	bool (*moves_data)(char *memory);
};

static int buffer_take(char *memory, size_t length)
{
	struct iovec iovec = { memory, length };

	return -io_uring_register_buffers(&ring, &iovec, 1);
}

static void buffer_let_go(void)
{
	int ret = io_uring_unregister_buffers(&ring);

	if (ret)
		tap_bail("unregister: %s", strerror(-ret));
}

/* From a pipe into the buffer. */
static bool buffer_moves_data(char *memory)
{
	static char sent[4096], seen[4096];
	struct io_uring_cqe *cqe;
	int pipefd[2], res;

	pattern_fill(sent, sizeof(sent), now_ns());
	if (pipe(pipefd) ||
	    write(pipefd[1], sent, sizeof(sent)) != sizeof(sent))
		tap_bail("pipe: %s", strerror(errno));
	io_uring_prep_read_fixed(io_uring_get_sqe(&ring), pipefd[0],
				 memory + 8192, sizeof(sent), 0, 0);
	if (io_uring_submit(&ring) != 1 || io_uring_wait_cqe(&ring, &cqe))
		tap_bail("no completion");
	res = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	close(pipefd[0]);
	close(pipefd[1]);
	return res == sizeof(sent) &&
	       pread(file, seen, sizeof(seen), OFFSET + 8192) == sizeof(seen) &&
	       !memcmp(sent, seen, sizeof(seen));
}

static int container_take(char *memory, size_t length)
{
	return -vfio_map(&vfio, memory, length, IOVA);
}

static size_t vfio_length;

static void container_let_go(void)
{
	if (vfio_unmap(&vfio, vfio_length, IOVA) != (int64_t)vfio_length)
		tap_bail("VFIO unmap");
}

/* The device copies a block of the file over another one. */
static bool container_moves_data(char *memory)
{
	char want[EDU_BUFFER_LEN], got[EDU_BUFFER_LEN];

	(void)memory;
	pattern_fill(want, sizeof(want), now_ns());
	return pwrite(file, want, sizeof(want), OFFSET) == sizeof(want) &&
	       edu_copy(&vfio, IOVA, sizeof(want), false) &&
	       edu_copy(&vfio, IOVA + 65536, sizeof(want), true) &&
	       pread(file, got, sizeof(got), OFFSET + 65536) == sizeof(got) &&
	       !memcmp(want, got, sizeof(got));
}

static int umem_take(char *memory, size_t length)
{
	int err;

	socket_fd = xdp_socket();
	err = xdp_register(socket_fd, memory, length);
	if (err)
		close(socket_fd);
	return err;
}

static void umem_let_go(void)
{
	close(socket_fd);
}

static const struct kind kinds[] = {
	{ "buffer", buffer_take, buffer_let_go, buffer_moves_data },
	{ "vfio", container_take, container_let_go, container_moves_data },
	{ "umem", umem_take, umem_let_go, NULL },
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

static int errno_of(const struct kind *kind, char *map)
{
	int err = kind->take(map, MAPPED);

	if (!err)
		kind->let_go();
	return err;
}

/* A socket lets go of its memory after it has been closed. */
static bool lease_is_gone(void)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;

	while (lease_listed(PATH, "active") && now_ns() < limit)
		usleep(5000);
	return !lease_listed(PATH, "active");
}

static void registers(const struct kind *kind)
{
	/* From 6.15 on page tables count. */
	struct pages pages = pages_of(file, OFFSET, MAPPED);
	char *map = map_shared(file, OFFSET, MAPPED);
	struct pin_record record = { 0 };

	tap_is(kind->take(map, MAPPED), 0, "%s: with a permission it works",
	       kind->name);
	tap_is(pins_of(getpid(), &record, 1), 1, "%s: there is one record",
	       kind->name);
	tap_is_str(record.consumer, kind->name, "%s: with the consumer's kind",
		   kind->name);
	tap_ok(record.address == (uintptr_t)map && record.offset == OFFSET &&
		       record.length == MAPPED,
	       "%s: address and range (%#llx, %llu, %llu)", kind->name,
	       record.address, record.offset, record.length);
	tap_is(pages_with(&pages, PAGES_PINNED), MAPPED / 4096,
	       "%s: all pages are pinned", kind->name);
	if (kind->moves_data)
		tap_ok(kind->moves_data(map), "%s: data goes to the file",
		       kind->name);
	kind->let_go();
	tap_is(pins_become(getpid(), 0), 0, "%s: unregistered, the record goes",
	       kind->name);
	tap_ok(lease_is_gone(), "%s: and the lease", kind->name);
	munmap(map, MAPPED);
	tap_ok(pages_as_before(&pages, AT_ONCE), "%s: pages are as before",
	       kind->name);
	pages_free(&pages);
}

static void waits(const struct kind *kind, const char *op)
{
	bool truncates = !strcmp(op, "truncate");
	struct pages pages = pages_of(file, OFFSET, MAPPED);
	char *map = map_shared(file, OFFSET, MAPPED);
	struct holdfast_event event = { 0 };
	int watch = implicit_watch();
	struct change change;

	if (kind->take(map, MAPPED))
		tap_bail("%s: %s", kind->name, strerror(errno));
	tap_is(change_make("punch", PATH, 0, 2 * MIB, NULL, AT_ONCE), 0,
	       "%s: a change elsewhere does not wait", kind->name);
	change = change_start(op, PATH, OFFSET + MAPPED / 2, MAPPED / 2, NULL);
	tap_ok(event_next(watch, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "%s: %s: a break", kind->name, op);
	tap_ok(event.address == (uintptr_t)map &&
		       event.lease_offset == OFFSET &&
		       event.lease_length == MAPPED,
	       "%s: %s: with address and range", kind->name, op);
	tap_ok(!change_done(&change, STILL), "%s: %s waits", kind->name, op);
	if (kind->moves_data)
		tap_ok(kind->moves_data(map), "%s: data goes on meanwhile",
		       kind->name);
	kind->let_go();
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: %s is done when it lets go", kind->name, op);
	tap_ok(event_next(watch, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_CHANGED,
	       "%s: %s: its end is told", kind->name, op);
	/* Those that the file lost, too. */
	munmap(map, MAPPED);
	tap_ok(pages_as_before(&pages, AT_ONCE), "%s: %s: pages are as before",
	       kind->name, op);
	map = map_shared(file, OFFSET, MAPPED);
	if (truncates && ftruncate(file, LENGTH))
		tap_bail("ftruncate: %s", strerror(errno));
	tap_is(kind->take(map, MAPPED), 0, "%s: %s: it just registers again",
	       kind->name, op);
	if (kind->moves_data)
		tap_ok(kind->moves_data(map), "%s: %s: data goes to the file",
		       kind->name, op);
	kind->let_go();
	tap_ok(lease_is_gone(), "%s: %s: the lease ends", kind->name, op);
	munmap(map, MAPPED);
	close(watch);
	pages_free(&pages);
}

/* A buffer that is partly of anonymous memory, partly of the file. */
static void mixed(const struct kind *kind)
{
	struct pin_record record = { 0 };
	char *both = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (both == MAP_FAILED ||
	    mmap(both + MIB, MIB, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, file, OFFSET) == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	vfio_length = 2 * MIB;
	tap_is(kind->take(both, 2 * MIB), 0, "%s: mixed memory works",
	       kind->name);
	tap_is(pins_of(getpid(), &record, 1), 1, "%s: with one record",
	       kind->name);
	tap_ok(record.address == (uintptr_t)both + MIB && record.length == MIB,
	       "%s: of the file's part", kind->name);
	kind->let_go();
	vfio_length = MAPPED;
	tap_is(pins_become(getpid(), 0), 0, "%s: then none", kind->name);
	munmap(both, 2 * MIB);
}

static bool debug_kernel(void)
{
	const char *kernel = getenv("HOLDFAST_LAB_KERNEL");

	return kernel && !strcmp(kernel, "debug");
}

/* Whether this guest has what the kind needs. */
static bool is_there(const struct kind *kind)
{
	if (kind->take == container_take)
		return vfio_device();
	return kind->take != umem_take || !debug_kernel();
}

int main(void)
{
	int stock[KINDS], permission;
	char *map;

	file = file_make(PATH, LENGTH);
	if (io_uring_queue_init(4, &ring, 0))
		tap_bail("io_uring: %s", strerror(errno));
	if (vfio_device())
		vfio = vfio_open();
	vfio_length = MAPPED;
	map = map_shared(file, OFFSET, MAPPED);
	if (RUN("rmmod", "holdfast"))
		tap_bail("the module does not go");
	for (size_t i = 0; i < KINDS; i++)
		stock[i] = is_there(&kinds[i]) ? errno_of(&kinds[i], map) : 0;
	if (RUN("insmod", "/run/lab/holdfast.ko") ||
	    chmod("/dev/holdfast", 0666))
		tap_bail("the module does not load");

	for (size_t i = 0; i < KINDS; i++) {
		if (!is_there(&kinds[i])) {
			tap_skip("%s: not in this guest", kinds[i].name);
			continue;
		}
		tap_is(stock[i], EOPNOTSUPP, "%s: the stock kernel refuses it",
		       kinds[i].name);
		tap_is(errno_of(&kinds[i], map), stock[i],
		       "%s: as does the module, without a permission",
		       kinds[i].name);
		permission = implicit_allow(LONG_BREAK);
		registers(&kinds[i]);
		waits(&kinds[i], "punch");
		waits(&kinds[i], "truncate");
		mixed(&kinds[i]);
		close(permission);
		tap_is(errno_of(&kinds[i], map), stock[i],
		       "%s: refused again when the permission is gone",
		       kinds[i].name);
	}
	if (vfio_device())
		vfio_close(&vfio);
	io_uring_queue_exit(&ring);
	munmap(map, MAPPED);
	close(file);
	unlink(PATH);
	return tap_done();
}
