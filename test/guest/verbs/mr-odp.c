// SPDX-License-Identifier: GPL-2.0
/*
 * Regions without a lease where the device pages on demand (soft RoCE on 7.2),
 * and by address: with a lease in the place of a mapping.
 */
#define _GNU_SOURCE
#include "mr.h"

#define PATH	PMEM "mr-odp"
#define ON_DISK "/var/tmp/mr-odp"
#define LENGTH	(4 * MIB)

static struct rdma rdma;
static struct hf_context *context;
static int fd;

static bool device_pages_on_demand(void)
{
	struct ibv_device_attr_ex attr;

	return !ibv_query_device_ex(rdma.context, NULL, &attr) &&
	       attr.odp_caps.general_caps & IBV_ODP_SUPPORT;
}

static int reg(int file, unsigned int kind, unsigned int flags,
	       struct hf_mr **mr)
{
	const struct hf_mr_attr attr = { .kind = kind,
					 .flags = flags,
					 .break_ms = LONG_BREAK };

	return hf_reg_mr(rdma.pd, file, 0, LENGTH, RDMA_ACCESS, &attr, mr);
}

static void test_without(void)
{
	struct hf_mr *mr;

	tap_is(reg(fd, 0, HF_MR_ODP_ONLY, &mr), -EOPNOTSUPP,
	       "insisted on: refused: %s", hf_verbs_error());
}

/* Soft RoCE puts bytes elsewhere: nobody gets that who has not insisted. */
static void test_wish(unsigned int flags, const char *name)
{
	struct hf_mr *mr;

	tap_is(reg(fd, 0, flags, &mr), 0, "%s: registered", name);
	tap_ok(!mr_query(mr).on_demand && mr_query(mr).lease_id,
	       "%s: with a lease", name);
	mr_works(&rdma, mr, fd, 0, "RDMA writes the file");
	tap_is(hf_dereg_mr(mr), 0, "%s: deregistered", name);
}

/*
 * One test: a packet that begins with a page is written to the file, which is
 * what soft RoCE does right.
 */
static void page_works(struct hf_mr *mr, int file, const char *text)
{
	static char sent[512], got[sizeof(sent)];
	struct hf_mr_info info = mr_query(mr);
	static unsigned int seed;

	pattern_fill(sent, sizeof(sent), ++seed);
	tap_ok(mr_write(&rdma, &info, 4096, sent, sizeof(sent)) ==
			       IBV_WC_SUCCESS &&
		       pread(file, got, sizeof(got), 4096) == sizeof(got) &&
		       !memcmp(sent, got, sizeof(got)),
	       "%s", text);
}

static void test_with(void)
{
	static char bytes[64];
	struct hf_mr_info info;
	struct hf_key key;
	struct hf_mr *mr;
	int status;

	tap_is(reg(fd, 0, HF_MR_ODP_ONLY, &mr), 0, "on-demand paging");
	info = mr_query(mr);
	tap_ok(info.on_demand && info.lease == -1 && !info.lease_id,
	       "no lease");
	page_works(mr, fd, "RDMA writes the file");
	tap_is(change_make("punch", PATH, 0, LENGTH, NULL, AT_ONCE), 0,
	       "a change does not wait");
	tap_is(mr_event(context, STILL).type, 0, "and is not told");
	page_works(mr, fd, "RDMA writes the file as it is then");
	tap_is(hf_restore_mr(mr), -EALREADY, "there is nothing to restore");
	tap_is(change_make("truncate", PATH, MIB, 0, NULL, AT_ONCE), 0,
	       "nor does a truncate wait");
	status = mr_write(&rdma, &info, 2 * MIB, bytes, sizeof(bytes));
	tap_ok(status != IBV_WC_SUCCESS && status != -1,
	       "what the file has lost: an error completion (%s)",
	       ibv_wc_status_str(status));
	tap_ok(!hf_find_mr(context, info.rkey, &key) && key.mr == mr &&
		       !key.retired,
	       "which leads to the region");
	rdma_disconnect(&rdma);
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	if (ftruncate(fd, LENGTH))
		tap_bail("ftruncate: %s", strerror(errno));
}

/* A file that cannot be leased. */
static void test_on_disk(bool odp)
{
	int disk = file_make(ON_DISK, LENGTH);
	struct hf_mr *mr;

	tap_is(reg(disk, 0, HF_MR_LEASE, &mr), -EOPNOTSUPP,
	       "page cache: no lease: %s", hf_verbs_error());
	tap_is(reg(disk, HOLDFAST_EXCLUSIVE, 0, &mr), -EOPNOTSUPP,
	       "page cache: nor an exclusive one");
	if (odp) {
		tap_is(reg(disk, 0, HF_MR_ODP_ONLY, &mr), 0,
		       "page cache: on-demand paging");
		tap_ok(mr_query(mr).on_demand, "it says so");
		page_works(mr, disk, "RDMA writes the file");
		tap_is(hf_dereg_mr(mr), 0, "deregistered");
	}
	tap_is(reg(disk, 0, 0, &mr), -EOPNOTSUPP,
	       "page cache: no on-demand paging without insisting");
	close(disk);
	unlink(ON_DISK);
}

/* A mapping of the file, behind which nothing is mapped. */
static char *map_before_hole(void)
{
	char *room = mmap(NULL, 2 * LENGTH, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		return room;
	munmap(room + LENGTH, LENGTH);
	return mmap(room, LENGTH, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, fd, 0);
}

static void test_address(void)
{
	char *map = map_before_hole();
	char *private =
		mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	const struct hf_mr_attr attr = { .flags = HF_MR_LEASE };
	struct hf_async_event event;
	struct hf_mr_info info;
	struct change change;
	struct hf_mr *mr;

	if (map == MAP_FAILED || private == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	map[MIB] = 'm';
	tap_is(hf_reg_mr_addr(rdma.pd, map + MIB, 2 * MIB, RDMA_ACCESS, NULL,
			      &mr),
	       0, "a mapping of a file: registered");
	info = mr_query(mr);
	tap_ok(info.addr == map + MIB && info.lease_id, "in place, leased");
	tap_ok(map[MIB] == 'm', "with its content");
	mr_works(&rdma, mr, fd, MIB, "RDMA writes the file");
	change = change_start("punch", PATH, MIB, MIB, NULL);
	event = mr_event(context, SOON);
	tap_ok(event.type == HF_ASYNC_DECOHERENCE && event.mr == mr,
	       "a change is told");
	tap_is(hf_restore_mr(mr), 0, "restored");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change is done");
	tap_is(map[MIB], 0, "the mapping shows it");
	mr_works(&rdma, mr, fd, MIB, "RDMA writes the file");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	map[MIB] = 'n';
	tap_is(change_make("punch", PATH, 0, MIB, NULL, AT_ONCE), 0,
	       "no lease is left");
	tap_is(map[MIB], 'n', "the file is mapped as before");
	tap_is(hf_reg_mr_addr(rdma.pd, private, LENGTH, RDMA_ACCESS, &attr,
			      &mr),
	       -ENOENT, "a private mapping has no lease: %s", hf_verbs_error());
	tap_is(hf_reg_mr_addr(rdma.pd, map, 2 * LENGTH, RDMA_ACCESS, NULL, &mr),
	       -EFAULT, "more than is mapped");
	unlink(PATH);
	tap_is(hf_reg_mr_addr(rdma.pd, map, LENGTH, RDMA_ACCESS, &attr, &mr), 0,
	       "a file without a name is leased, too");
	tap_is(hf_dereg_mr(mr), 0, "and deregistered");
	munmap(map, LENGTH);
	munmap(private, LENGTH);
}

int main(void)
{
	bool odp;

	rdma = rdma_open();
	fd = file_make(PATH, LENGTH);
	context = context_open(&rdma, NULL);
	odp = device_pages_on_demand();
	tap_diag("the device %s on demand", odp ? "pages" : "does not page");
	if (odp)
		test_with();
	else
		test_without();
	test_wish(0, "no wish");
	test_wish(HF_MR_ODP, "wished for");
	test_on_disk(odp);
	test_address();
	tap_is(hf_close_context(context), 0, "the context closes");
	close(fd);
	rdma_close(&rdma);
	return tap_done();
}
