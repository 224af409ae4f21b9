// SPDX-License-Identifier: GPL-2.0
/*
 * The device is removed under a program, and registrations are taken from it
 * by somebody else.
 */
#define _GNU_SOURCE
#include "mr.h"
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <sys/syscall.h>

#define PATH   PMEM "mr-device"
#define LENGTH (4 * MIB)
#define SHORT  4000

static struct rdma rdma;
static struct hf_context *context;
static int fd;

static struct hf_mr *make(uint32_t break_ms)
{
	const struct hf_mr_attr attr = { .break_ms = break_ms };

	return mr_make(&rdma, fd, 0, LENGTH, &attr);
}

/*
 * What a fence agent does: MR_DESTROY, by the ioctl, from another process and on
 * a copy of the holder's descriptor.
 */
static int destroy_from_outside(const struct ibv_context *device,
				uint32_t handle)
{
	struct {
		struct ib_uverbs_ioctl_hdr header;
		struct ib_uverbs_attr attr;
	} request = {
		.header = {
			.length = sizeof(request),
			.object_id = UVERBS_OBJECT_MR,
			.method_id = UVERBS_METHOD_MR_DESTROY,
			.num_attrs = 1,
			.driver_id = RDMA_DRIVER_RXE,
		},
		.attr = {
			.attr_id = UVERBS_ATTR_DESTROY_MR_HANDLE,
			.flags = UVERBS_ATTR_F_MANDATORY,
			.data = handle,
		},
	};
	pid_t parent = getpid(), pid = child_fork();
	int status;

	if (!pid) {
		int pidfd = syscall(SYS_pidfd_open, parent, 0);
		int copy = syscall(SYS_pidfd_getfd, pidfd, device->cmd_fd, 0);

		_exit(ioctl(copy, RDMA_VERBS_IOCTL, &request) ? errno : 0);
	}
	status = child_wait(pid, SOON);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int destroy(struct hf_mr *mr)
{
	return destroy_from_outside(rdma.context, mr_query(mr).mr->handle);
}

static void test_fenced_from_outside(void)
{
	struct hf_mr *mr = make(LONG_BREAK);
	struct hf_async_event event;
	struct change change = change_start("punch", PATH, 0, MIB, NULL);

	event = mr_event(context, SOON);
	tap_is(event.type, HF_ASYNC_DECOHERENCE, "a change comes");
	tap_is(destroy(mr), 0, "nobody answers, an agent deregisters");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change goes on");
	event = mr_event(context, SOON);
	tap_ok(event.type == HF_ASYNC_FENCED && event.mr == mr,
	       "the region is told: fenced");
	tap_is(mr_query(mr).state, HF_MR_FENCED, "it says so");
	tap_is(hf_restore_mr(mr), 0, "it can be restored");
	mr_works(&rdma, mr, fd, 0, "and works");
	tap_is(destroy(mr), 0, "once more, without a change");
	tap_is(hf_dereg_mr(mr), 0, "it can be deregistered");
}

static void test_windows(void)
{
	struct ibv_mw_bind_info info = {
		.length = 4096, .mw_access_flags = IBV_ACCESS_REMOTE_WRITE
	};
	const struct hf_mr_attr attr = { .break_ms = LONG_BREAK };
	struct ibv_send_wr *bad, wr = { .opcode = IBV_WR_BIND_MW,
					.send_flags = IBV_SEND_SIGNALED };
	struct ibv_mw *mw = ibv_alloc_mw(rdma.pd, IBV_MW_TYPE_2);
	struct hf_key key;
	struct hf_mr *mr;
	struct ibv_wc wc;
	int n = 0;

	if (!mw || hf_reg_mr(rdma.pd, fd, 0, LENGTH,
			     RDMA_ACCESS | IBV_ACCESS_MW_BIND, &attr, &mr))
		tap_bail("memory window: %s", strerror(errno));
	if (!rdma.qp && rdma_connect_self(&rdma))
		tap_bail("queue pair: %s", strerror(errno));
	info.mr = mr_query(mr).mr;
	info.addr = (uintptr_t)mr_query(mr).addr;
	wr.bind_mw.mw = mw;
	wr.bind_mw.rkey = ibv_inc_rkey(mw->rkey);
	wr.bind_mw.bind_info = info;
	if (ibv_post_send(rdma.qp, &wr, &bad))
		tap_bail("bind: %s", strerror(errno));
	while (!n)
		n = ibv_poll_cq(rdma.cq, 1, &wc);
	tap_ok(n == 1 && wc.status == IBV_WC_SUCCESS, "a window is bound");
	tap_is(hf_suspend_mr(mr), -EBUSY, "it holds the region: %s",
	       hf_verbs_error());
	tap_is(hf_dereg_mr(mr), -EBUSY, "to its end");
	tap_is(mr_query(mr).state, HF_MR_ACTIVE, "which is as before");
	tap_ok(!hf_find_mr(context, mr_query(mr).rkey, &key) && !key.retired,
	       "with its keys");
	tap_is(ibv_dealloc_mw(mw), 0, "the window goes");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
}

/* Soft RoCE has no way to cut off programs: it waits until they are gone. */
static void test_removed(void)
{
	struct hf_mr *mr = make(LONG_BREAK);
	struct hf_async_event event;
	struct change change;
	int status;
	pid_t pid;

	pid = child_fork();
	if (!pid)
		_exit(execlp("rdma", "rdma", "link", "del", "rxe0", NULL));
	tap_is(child_wait(pid, STILL), -1, "the removal of the device waits");
	change = change_start("punch", PATH, 0, MIB, NULL);
	do {
		event = mr_event(context, SOON);
	} while (event.type == HF_ASYNC_DEVICE);
	tap_ok(event.type == HF_ASYNC_DECOHERENCE && event.mr == mr,
	       "a change is told as ever");
	tap_is(hf_suspend_mr(mr), 0, "suspended");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change is done");
	tap_is(hf_restore_mr(mr), 0, "and restored");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	tap_is(hf_close_context(context), 0, "closed");
	rdma_close(&rdma);
	status = child_wait(pid, SOON);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	       "the device is removed");
	tap_is(system("rdma link add rxe0 type rxe netdev dummy0"), 0,
	       "it comes back");
}

int main(void)
{
	rdma = rdma_open();
	fd = file_make(PATH, LENGTH);
	context = context_open(&rdma, NULL);
	test_fenced_from_outside();
	test_windows();
	test_removed();
	rdma = rdma_open();
	context = context_open(&rdma, NULL);
	{
		struct hf_mr *mr = make(SHORT);

		mr_works(&rdma, mr, fd, 0, "all is as before");
		tap_is(hf_dereg_mr(mr), 0, "deregistered");
	}
	tap_is(hf_close_context(context), 0, "closed");
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
