// SPDX-License-Identifier: GPL-2.0
/*
 * What the administrator sees: /proc/fs/holdfast/leases, pins, policy, counters and
 * fdinfo. The formats are in the ABI header.
 */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>
#include "core/backing.h"
#include "core/counters.h"
#include "core/event.h"
#include "core/info.h"
#include "core/lease.h"
#include "core/names.h"
#include "pages/held.h"
#include "pages/record.h"
#include "lease/permit.h"
#include "report/report.h"

#define HF_PROC_DIR "fs/holdfast"

/* What changes while one looks, in one piece. */
struct hf_snapshot {
	enum holdfast_state state;
	ktime_t deadline;
	u64 absorbed;
	struct hf_change_info change; /* with a reference, if tgid is set */
};

static void hf_snapshot_take(struct hf_snapshot *snap, struct hf_lease *lease)
{
	memset(snap, 0, sizeof(*snap));
	spin_lock(&lease->file->lock);
	snap->state = lease->state;
	snap->absorbed = lease->absorbed;
	if (lease->breaker) {
		snap->deadline = lease->deadline;
		hf_change_info_get(&snap->change, &lease->change);
	}
	spin_unlock(&lease->file->lock);
}

static void hf_snapshot_put(struct hf_snapshot *snap)
{
	hf_change_info_put(&snap->change);
}

static s64 hf_ms_from_now(ktime_t when)
{
	return ktime_ms_delta(when, ktime_get());
}

/* A name, escaped as in the report; a comm may be changed while it is read. */
static void hf_show_text(struct seq_file *m, const char *text)
{
	seq_escape_mem(m, text, strnlen(text, TASK_COMM_LEN), ESCAPE_OCTAL,
		       " \t\n\\");
}

static void hf_show_change(struct seq_file *m, const struct hf_snapshot *snap,
			   struct pid_namespace *ns)
{
	const struct hf_change_info *change = &snap->change;

	if (!change->tgid) {
		seq_puts(m, " - - - - - -");
		return;
	}
	seq_printf(m, " %lld %s %d ", hf_ms_from_now(snap->deadline),
		   hf_op_name(change->op), pid_nr_ns(change->tgid, ns));
	hf_show_text(m, change->comm);
	seq_printf(m, " %llu", change->offset);
	if (change->length == ~0ULL)
		seq_puts(m, " -");
	else
		seq_printf(m, " %llu", change->length);
}

static void hf_show_pinners(struct seq_file *m, struct hf_lease *lease,
			    struct pid_namespace *ns)
{
	struct hf_owner *owner;
	char sep = ' ';

	spin_lock(&lease->file->lock);
	list_for_each_entry(owner, &lease->owners, node) {
		if (!pid_has_task(owner->tgid, PIDTYPE_TGID))
			continue;
		seq_printf(m, "%c%d", sep, pid_nr_ns(owner->tgid, ns));
		sep = ',';
	}
	spin_unlock(&lease->file->lock);
	if (sep == ' ')
		seq_puts(m, " -");
}

static void hf_report_lease(struct seq_file *m, struct hf_lease *lease,
			    struct file *target)
{
	struct pid_namespace *ns = proc_pid_ns(file_inode(m->file)->i_sb);
	struct inode *inode = file_inode(target);
	struct hf_snapshot snap;

	hf_snapshot_take(&snap, lease);
	seq_printf(m, "%llu %s %s %s %d %u ", lease->id,
		   hf_kind_name(lease->kind), hf_state_name(snap.state),
		   hf_backing_name(lease->backing), pid_nr_ns(lease->tgid, ns),
		   from_kuid_munged(seq_user_ns(m), lease->cred->uid));
	hf_show_text(m, lease->comm);
	seq_printf(m, " %u %u %llu %llu %llu %llu %lld %u",
		   MAJOR(inode->i_sb->s_dev), MINOR(inode->i_sb->s_dev),
		   (u64)inode->i_ino, hf_lease_offset(lease),
		   hf_lease_pages(lease) << PAGE_SHIFT, hf_lease_pinned(lease),
		   -hf_ms_from_now(lease->acquired), lease->break_ms);
	hf_show_change(m, &snap, ns);
	hf_show_pinners(m, lease, ns);
	seq_printf(m, " %s %llu %u ", lease->implicit ? "implicit" : "explicit",
		   snap.absorbed, READ_ONCE(lease->media_errors));
	seq_file_path(m, target, " \t\n\\");
	seq_putc(m, '\n');
	hf_snapshot_put(&snap);
}

/*
 * *pos is 0 for the head line, then the number of the lease to begin with. A reader sees
 * those that there were when it began: somebody may take leases faster than it reads.
 */
static void *hf_report_at(struct seq_file *m, loff_t *pos)
{
	unsigned long id = *pos;
	struct hf_lease *lease;

	if (!*pos)
		return SEQ_START_TOKEN;
	lease = hf_lease_next(&id);
	*pos = id;
	if (lease && id > (unsigned long)m->private) {
		hf_lease_put(lease);
		return NULL;
	}
	return lease;
}

static void *hf_report_start(struct seq_file *m, loff_t *pos)
{
	if (!*pos)
		m->private = (void *)hf_lease_newest();
	return hf_report_at(m, pos);
}

static void hf_report_stop(struct seq_file *m, void *v)
{
	if (v && v != SEQ_START_TOKEN)
		hf_lease_put(v);
}

static void *hf_report_next(struct seq_file *m, void *v, loff_t *pos)
{
	hf_report_stop(m, v);
	++*pos;
	return hf_report_at(m, pos);
}

static int hf_report_show(struct seq_file *m, void *v)
{
	struct file *target;

	if (v == SEQ_START_TOKEN) {
		seq_puts(
			m,
			"id kind state backing pid uid comm major minor ino offset length pinned age_ms break_ms deadline_ms op change_pid change_comm change_offset change_length pinners origin absorbed media_errors path\n");
		return 0;
	}
	target = hf_lease_target(v);
	if (!target)
		return SEQ_SKIP;
	if (hf_lease_visible(v, target, m->file))
		hf_report_lease(m, v, target);
	fput(target);
	return 0;
}

static const struct seq_operations hf_report_ops = {
	.start = hf_report_start,
	.next = hf_report_next,
	.stop = hf_report_stop,
	.show = hf_report_show,
};

/* A poller stands in a queue of the module, which has to stay for it. */
static int hf_report_open(struct inode *inode, struct file *filp)
{
	struct seq_file *m;
	int err;

	if (!try_module_get(THIS_MODULE))
		return -ENOENT;
	err = seq_open(filp, &hf_report_ops);
	if (err) {
		module_put(THIS_MODULE);
		return err;
	}
	m = filp->private_data;
	m->poll_event = atomic_read(&hf_report_event);
	return 0;
}

static int hf_report_release(struct inode *inode, struct file *filp)
{
	int err = seq_release(inode, filp);

	module_put(THIS_MODULE);
	return err;
}

/* As /proc/mounts does it: each event is told once to each open file. */
static __poll_t hf_report_poll(struct file *filp, poll_table *wait)
{
	struct seq_file *m = filp->private_data;
	__poll_t mask = EPOLLIN | EPOLLRDNORM;
	int event;

	poll_wait(filp, &hf_report_wait, wait);
	event = atomic_read(&hf_report_event);
	if (READ_ONCE(m->poll_event) != event) {
		WRITE_ONCE(m->poll_event, event);
		mask |= EPOLLERR | EPOLLPRI;
	}
	return mask;
}

static const struct proc_ops hf_report_proc_ops = {
	.proc_open = hf_report_open,
	.proc_read_iter = seq_read_iter,
	.proc_lseek = seq_lseek,
	.proc_poll = hf_report_poll,
	.proc_release = hf_report_release,
};

static int hf_pins_report_show(struct seq_file *m, void *v)
{
	struct pid_namespace *ns = proc_pid_ns(file_inode(m->file)->i_sb);
	struct file *target;

	if (v == SEQ_START_TOKEN) {
		seq_puts(
			m,
			"lease consumer pid uid start_ns address offset length runs\n");
		return 0;
	}
	target = hf_lease_target(v);
	if (!target)
		return SEQ_SKIP;
	if (hf_lease_visible(v, target, m->file))
		hf_pins_show(m, v, ns);
	fput(target);
	return 0;
}

static const struct seq_operations hf_pins_ops = {
	.start = hf_report_start,
	.next = hf_report_next,
	.stop = hf_report_stop,
	.show = hf_pins_report_show,
};

static void hf_show_file(struct seq_file *m, struct file *target)
{
	struct inode *inode = file_inode(target);

	seq_puts(m, "holdfast-file:\t");
	seq_file_path(m, target, " \t\n\\");
	seq_printf(m, "\nholdfast-inode:\t%u:%u %llu\n",
		   MAJOR(inode->i_sb->s_dev), MINOR(inode->i_sb->s_dev),
		   (u64)inode->i_ino);
}

void hf_report_fdinfo(struct seq_file *m, struct hf_lease *lease)
{
	struct hf_snapshot snap;
	struct file *target;

	if (!hf_lease_bound(lease)) {
		seq_puts(m, "holdfast-state:\tunbound\n");
		return;
	}
	seq_printf(m, "holdfast-lease:\t%llu\n", lease->id);
	target = hf_lease_target(lease);
	if (target) {
		hf_show_file(m, target);
		fput(target);
	}
	hf_snapshot_take(&snap, lease);
	seq_printf(m, "holdfast-range:\t%llu %llu\n", hf_lease_offset(lease),
		   hf_lease_pages(lease) << PAGE_SHIFT);
	seq_printf(m, "holdfast-kind:\t%s\n", hf_kind_name(lease->kind));
	seq_printf(m, "holdfast-state:\t%s\n", hf_state_name(snap.state));
	if (snap.change.tgid)
		seq_printf(m, "holdfast-deadline:\t%lld ms\n",
			   hf_ms_from_now(snap.deadline));
	else
		seq_puts(m, "holdfast-deadline:\t-\n");
	hf_snapshot_put(&snap);
}

int hf_report_init(void)
{
	struct proc_dir_entry *dir = proc_mkdir(HF_PROC_DIR, NULL);

	if (!dir)
		return -ENOMEM;
	if (!proc_create("leases", 0444, dir, &hf_report_proc_ops) ||
	    !proc_create_seq("pins", 0444, dir, &hf_pins_ops) ||
	    !proc_create_single("policy", 0444, dir, hf_policies_show) ||
	    !proc_create_single("counters", 0444, dir, hf_counters_show)) {
		remove_proc_subtree(HF_PROC_DIR, NULL);
		return -ENOMEM;
	}
	return 0;
}

void hf_report_exit(void)
{
	remove_proc_subtree(HF_PROC_DIR, NULL);
}
