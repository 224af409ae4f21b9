// SPDX-License-Identifier: GPL-2.0
/*
 * holdfastd takes from a stopped holder what hf_vfio_map() has mapped into a VFIO
 * container, and only that; it believes no label that names something else; and
 * it leaves to the kernel what has no label.
 */
#define _GNU_SOURCE
#include "internal/vfio-label.h"
#include "agent.h"
#include "pages.h"
#include "vfio.h"

#define PATH   PMEM "agent-vfio"
#define OTHER  PMEM "agent-vfio-other"
#define LENGTH (1 * MIB)

/* Says that some file is the container. */
static void lie(int lease, int fd, const char *addr)
{
	const struct hf_vfio_label label = {
		.magic = HF_VFIO_LABEL_MAGIC,
		.lease = lease_query(lease).id,
		.addr = (uintptr_t)addr,
		.iova = IOVA + LENGTH,
		.length = LENGTH,
		.container = fd,
	};
	int memfd = memfd_create(HF_VFIO_LABEL, MFD_CLOEXEC);

	if (write(memfd, &label, sizeof(label)) != sizeof(label))
		tap_bail("memfd: %s", strerror(errno));
}

static void hold_two(int from, int to, bool labelled)
{
	int fd = open(PATH, O_RDWR | O_CLOEXEC);
	int other = open(OTHER, O_RDWR | O_CLOEXEC);
	int lease =
		lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, AGENT_BREAK_MS);
	int lease2 = lease_make(other, 0, LENGTH, HOLDFAST_BREAKABLE,
				AGENT_BREAK_MS);
	struct vfio vfio = vfio_open();
	struct hf_vfio *mapping;

	if (hf_vfio_map(vfio.container, IOVA + LENGTH, lease2, other, 0, LENGTH,
			NULL, &mapping))
		tap_bail("hf_vfio_map: %s", hf_error());
	if (labelled) {
		if (hf_vfio_map(vfio.container, IOVA, lease, fd, 0, LENGTH,
				NULL, &mapping))
			tap_bail("hf_vfio_map: %s", hf_error());
	} else {
		char *addr = map_shared(fd, 0, LENGTH);

		lie(lease, fd, addr);
		if (vfio_map(&vfio, addr, LENGTH, IOVA))
			tap_bail("VFIO_IOMMU_MAP_DMA");
	}
	holder_ready(from, to);
	/* What is there now, and what the device still reaches. */
	holder_say(to, vfio_unmap(&vfio, LENGTH, IOVA));
	holder_say(to, edu_copy(&vfio, IOVA + LENGTH, EDU_BUFFER_LEN, true));
	holder_say(to, vfio_unmap(&vfio, LENGTH, IOVA + LENGTH));
	pause();
}

static void hold(int from, int to)
{
	hold_two(from, to, true);
}

static void hold_unlabelled(int from, int to)
{
	hold_two(from, to, false);
}

static void try_labelled(void)
{
	struct holder holder;
	struct pages pages;
	struct change change;
	pid_t agent;
	char text[96];
	int fd = file_make(PATH, LENGTH);

	pages = pages_of(fd, 0, LENGTH);
	holder = holder_start(hold);
	agent = agent_start();
	kill(holder.pid, SIGSTOP);
	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(change_done(&change, AGENT_BREAK_MS + SOON),
	       "the change completes");
	tap_is(change.error, 0, "with success");
	tap_ok(change_ms(&change) < AGENT_BREAK_MS, "before the deadline");
	snprintf(text, sizeof(text),
		 "process %d (agent-vfio): unmapped from its VFIO container",
		 holder.pid);
	tap_ok(agent_said(text, AT_ONCE), "the log says whose, and what");
	tap_ok(pages_as_before(&pages, AT_ONCE), "pages are as before");
	kill(holder.pid, SIGCONT);
	tap_is(waitpid(holder.pid, NULL, WNOHANG), 0, "the holder lives");
	holder_ask(&holder);
	tap_is(holder_answer(&holder), 0, "nothing is mapped there any more");
	tap_is(holder_answer(&holder), 1, "the device goes on beside it");
	tap_is(holder_answer(&holder), LENGTH,
	       "where another lease is still mapped");
	tap_ok(agent_stop(agent), "the agent ends");
	holder_end(&holder);
	pages_free(&pages);
	close(fd);
}

static void try_unlabelled(void)
{
	struct holder holder;
	struct change change;
	struct pages pages;
	pid_t agent;
	int status, fd = file_make(PATH, LENGTH);

	pages = pages_of(fd, 0, LENGTH);
	holder = holder_start(hold_unlabelled);
	agent = agent_start();
	kill(holder.pid, SIGSTOP);
	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(agent_said("hf_vfio_map(3) would tell", AGENT_BREAK_MS + SOON),
	       "without a label: the log says so");
	tap_ok(agent_said("not where its label says", AT_ONCE),
	       "without a label: one that lies is not believed");
	tap_ok(change_done(&change, AGENT_BREAK_MS + SOON),
	       "without a label: the change completes");
	tap_ok(change_ms(&change) >= AGENT_BREAK_MS,
	       "without a label: not before the deadline");
	status = child_wait(holder.pid, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "without a label: the kernel kills the holder");
	tap_ok(pages_as_before(&pages, SOON),
	       "without a label: pages are as before");
	tap_ok(agent_stop(agent), "without a label: the agent ends");
	close(holder.to);
	close(holder.from);
	pages_free(&pages);
	close(fd);
}

int main(void)
{
	if (!vfio_device()) {
		tap_skip("no device: lab/guest --iommu has one");
		return tap_done();
	}
	close(file_make(OTHER, LENGTH));
	try_labelled();
	try_unlabelled();
	unlink(PATH);
	unlink(OTHER);
	return tap_done();
}
