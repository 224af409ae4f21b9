// SPDX-License-Identifier: GPL-2.0
/*
 * The functions of the kernel that Holdfast stands before.
 *
 * A kprobe at the entry of an exported function (they are ftrace sites) decides
 * whether the call concerns a lease, and if so continues in a function of the
 * same signature in wrap.c or gup.c: in the caller's context, not in the
 * probe's, so that it may sleep. That one calls the original through HF_PASS().
 *
 * Probes are registered when the module is loaded, and armed only while there
 * is a lease. The module can not go while a task is in one of its functions:
 * the probe takes a reference, hf_probes_leave() drops it as the last thing,
 * and unloading waits for the few instructions behind that.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include "wrap.h"

struct hf_probe {
	struct kprobe kp;
	void *wrapper;
	bool (*wants)(struct pt_regs *regs);
};

/* Only changes of size are changes of layout. */
static bool hf_wants_notify_change(struct pt_regs *regs)
{
	struct dentry *dentry = (void *)regs_get_kernel_argument(regs, 1);
	struct iattr *attr = (void *)regs_get_kernel_argument(regs, 2);

	return attr->ia_valid & ATTR_SIZE && hf_inode_leased(d_inode(dentry));
}

static bool hf_wants_dentry(struct pt_regs *regs)
{
	struct dentry *dentry = (void *)regs_get_kernel_argument(regs, 1);

	return hf_inode_leased(d_inode(dentry));
}

static bool hf_wants_file(struct pt_regs *regs)
{
	struct file *filp = (void *)regs_get_kernel_argument(regs, 0);

	return hf_inode_leased(file_inode(filp));
}

static bool hf_wants_files(struct pt_regs *regs)
{
	struct file *out = (void *)regs_get_kernel_argument(regs, 2);

	return hf_wants_file(regs) || hf_inode_leased(file_inode(out));
}

#ifdef HF_PROBE_VERIFY_AREA
/* The other files of a remap are only read. */
static bool hf_wants_written_file(struct pt_regs *regs)
{
	return regs_get_kernel_argument(regs, 3) & 1 && hf_wants_file(regs);
}
#endif

/* Leased files in XFS are DAX: see the wrapper for who takes these locks. */
static bool hf_wants_mappings(struct pt_regs *regs)
{
	struct address_space *mapping1 =
		(void *)regs_get_kernel_argument(regs, 0);
	struct address_space *mapping2 =
		(void *)regs_get_kernel_argument(regs, 1);

	if (!mapping1 || !mapping2)
		return false;
	return hf_inode_leased(mapping1->host) ||
	       hf_inode_leased(mapping2->host);
}

static bool hf_wants_own_fiemap(struct pt_regs *regs)
{
	return hf_asks_for_shared((void *)regs_get_kernel_argument(regs, 0));
}

static bool hf_wants_longterm(struct pt_regs *regs)
{
	return regs_get_kernel_argument(regs, 2) & FOLL_LONGTERM;
}

static bool hf_wants_longterm_remote(struct pt_regs *regs)
{
	return regs_get_kernel_argument(regs, 3) & FOLL_LONGTERM;
}

#ifdef HF_DAX_BREAK_LAYOUT
static bool hf_wants_inode(struct pt_regs *regs)
{
	struct inode *inode = (void *)regs_get_kernel_argument(regs, 0);

	return hf_inode_leased(inode) || hf_second_page(inode->i_mapping);
}
#else
static bool hf_wants_mapping(struct pt_regs *regs)
{
	struct address_space *mapping =
		(void *)regs_get_kernel_argument(regs, 0);

	return hf_inode_leased(mapping->host) || hf_second_page(mapping);
}
#endif

/* Nothing but a function with a probe: does that come? */
static noinline void hf_canary(void)
{
	barrier();
}

static bool hf_canary_came; /* hf_arm_mutex */

static int hf_canary_pre(struct kprobe *kp, struct pt_regs *regs)
{
	WRITE_ONCE(hf_canary_came, true);
	return 0;
}
NOKPROBE_SYMBOL(hf_canary_pre);

static int hf_probe_pre(struct kprobe *kp, struct pt_regs *regs);
static void hf_probe_post(struct kprobe *kp, struct pt_regs *regs,
			  unsigned long flags);

/* A post handler keeps kprobes from optimising to a jump, which can't divert. */
#define HF_PROBE(function, wanted)                                             \
	{                                                                      \
		.kp.symbol_name = #function, .kp.flags = KPROBE_FLAG_DISABLED, \
		.kp.pre_handler = hf_probe_pre,                                \
		.kp.post_handler = hf_probe_post,                              \
		.wrapper = hf_wrap_##function, .wants = wanted,                \
	}

/*
 * Every function that Holdfast stands before, on which calls, and which change
 * to the kernel itself it stands for.
 */
static struct hf_probe hf_probes[] = {
	/* Nothing of the kernel's: it tells whether the others come, too. */
	[HF_PROBE_CANARY] = {
		.kp.symbol_name = "hf_canary",
		.kp.flags = KPROBE_FLAG_DISABLED,
		.kp.pre_handler = hf_canary_pre,
		.kp.post_handler = hf_probe_post,
	},
	/*
	 * Changes of size of a leased file: learn the range, refuse with
	 * ETXTBSY under an exclusive lease, know when the change is over.
	 * In tree: a break_layout() call with a range in do_truncate().
	 */
	[HF_PROBE_NOTIFY_CHANGE] =
		HF_PROBE(notify_change, hf_wants_notify_change),
	/*
	 * fallocate() of a leased file: the same.
	 * In tree: the same call in vfs_fallocate().
	 */
	[HF_PROBE_VFS_FALLOCATE] = HF_PROBE(vfs_fallocate, hf_wants_file),
	/*
	 * Reflink and dedupe from or to a leased file: the same, for both
	 * files. In tree: the same call in these functions.
	 */
	[HF_PROBE_VFS_CLONE_FILE_RANGE] =
		HF_PROBE(vfs_clone_file_range, hf_wants_files),
	[HF_PROBE_VFS_DEDUPE_FILE_RANGE_ONE] =
		HF_PROBE(vfs_dedupe_file_range_one, hf_wants_files),
	/*
	 * copy_file_range() from or to a leased file: copy, do not share.
	 * In tree: a test for leases where the function tries to remap.
	 */
	[HF_PROBE_VFS_COPY_FILE_RANGE] =
		HF_PROBE(vfs_copy_file_range, hf_wants_files),
	/*
	 * FS_IOC_FSSETXATTR of a leased file: the units of allocation and of
	 * copy on write stay. In tree: a test for leases in this function.
	 */
	[HF_PROBE_VFS_FILEATTR_SET] =
		HF_PROBE(vfs_fileattr_set, hf_wants_dentry),
	/*
	 * XFS_IOC_SWAPEXT of a leased file, and XFS_IOC_EXCHANGE_RANGE of it
	 * with one that is not DAX: wait for the consumers first.
	 * In tree: xfs_break_layouts() in xfs_swap_extents(), and for either
	 * file in xfs_ilock2_io_mmap().
	 */
	[HF_PROBE_FILEMAP_INVALIDATE_LOCK_TWO] =
		HF_PROBE(filemap_invalidate_lock_two, hf_wants_mappings),
	/*
	 * Long-term pins: not so many of a page that its count overflows; from
	 * 6.15 on allowed on mappings of a lease, whose pages GUP takes for
	 * unprotected fs-dax ones.
	 * In tree: a limit in try_grab_folio(); a VMA flag that
	 * folio_is_longterm_pinnable()'s callers look at.
	 */
	[HF_PROBE_PIN_USER_PAGES] = HF_PROBE(pin_user_pages, hf_wants_longterm),
	[HF_PROBE_PIN_USER_PAGES_FAST] =
		HF_PROBE(pin_user_pages_fast, hf_wants_longterm),
	/*
	 * Long-term pins by VFIO: clear PG_reserved, with which it would
	 * never unpin (reserved.c); and as pin_user_pages().
	 * In tree: no PG_reserved on ZONE_DEVICE pages.
	 */
	[HF_PROBE_PIN_USER_PAGES_REMOTE] =
		HF_PROBE(pin_user_pages_remote, hf_wants_longterm_remote),
	/*
	 * Our own question to a filesystem for extents: the answer is not for
	 * user memory (shared.c). In tree: an in-kernel form of ->fiemap().
	 */
	[HF_PROBE_FIEMAP_FILL_NEXT_EXTENT] =
		HF_PROBE(fiemap_fill_next_extent, hf_wants_own_fiemap),
#ifdef HF_PROBE_VERIFY_AREA
	/*
	 * XFS_IOC_EXCHANGE_RANGE of a leased file: learn the range, refuse
	 * with ETXTBSY under an exclusive lease, wait with no lock held.
	 * In tree: a break_layout() call with a range in xfs_exchange_range().
	 */
	[HF_PROBE_REMAP_VERIFY_AREA] =
		HF_PROBE(remap_verify_area, hf_wants_written_file),
#endif
#ifdef HF_DAX_BREAK_LAYOUT
	/*
	 * A filesystem waits for DMA to a leased file: break the leases,
	 * empty their mappings, and wait for the range only.
	 * In tree: leases called from, and a range passed to, this function.
	 */
	[HF_PROBE_DAX_BREAK_LAYOUT] =
		HF_PROBE(dax_break_layout, hf_wants_inode),
#else
	/*
	 * A filesystem asks for busy pages of a leased file: break the
	 * leases, empty their mappings, look in the range only, and also
	 * when no process maps the file.
	 * In tree: leases called from, and a range passed to, this function;
	 * no early return for !mapping_mapped().
	 */
	[HF_PROBE_DAX_LAYOUT_BUSY_PAGE] =
		HF_PROBE(dax_layout_busy_page, hf_wants_mapping),
#endif
};

/* Calls to let through, by task. Taken in probes, with preemption off. */
#define HF_PASS_BUCKETS 64

static struct hf_pass_bucket {
	spinlock_t lock; /* head */
	struct hlist_head head;
} hf_passes[HF_PASS_BUCKETS];

static struct hf_pass_bucket *hf_pass_bucket(void)
{
	return &hf_passes[hash_ptr(current, ilog2(HF_PASS_BUCKETS))];
}

/* The next call of @probe by this task is let through. */
void hf_pass_begin(struct hf_pass *pass, unsigned int probe)
{
	struct hf_pass_bucket *bucket = hf_pass_bucket();

	pass->task = current;
	pass->probe = probe;
	pass->used = false;
	spin_lock(&bucket->lock);
	hlist_add_head(&pass->node, &bucket->head);
	spin_unlock(&bucket->lock);
}

void hf_pass_end(struct hf_pass *pass)
{
	struct hf_pass_bucket *bucket = hf_pass_bucket();

	spin_lock(&bucket->lock);
	hlist_del(&pass->node);
	spin_unlock(&bucket->lock);
}

static bool hf_pass_use(unsigned int probe)
{
	struct hf_pass_bucket *bucket = hf_pass_bucket();
	struct hf_pass *pass;
	bool let = false;

	spin_lock(&bucket->lock);
	hlist_for_each_entry(pass, &bucket->head, node) {
		if (pass->task == current && pass->probe == probe &&
		    !pass->used) {
			pass->used = true;
			let = true;
			break;
		}
	}
	spin_unlock(&bucket->lock);
	return let;
}

static int hf_probe_pre(struct kprobe *kp, struct pt_regs *regs)
{
	struct hf_probe *probe = container_of(kp, struct hf_probe, kp);

	if (!probe->wants(regs) || hf_pass_use(probe - hf_probes))
		return 0;
	/* Fails only when the module goes, and then there are no leases. */
	if (!try_module_get(THIS_MODULE))
		return 0;
	instruction_pointer_set(regs, (unsigned long)probe->wrapper);
	return 1;
}
NOKPROBE_SYMBOL(hf_probe_pre);

static void hf_probe_post(struct kprobe *kp, struct pt_regs *regs,
			  unsigned long flags)
{
}
NOKPROBE_SYMBOL(hf_probe_post);

/* One more reference, for what goes on after the wrapper has returned. */
void hf_probes_stay(void)
{
	__module_get(THIS_MODULE);
}

/* The last thing a wrapper does. */
void hf_probes_leave(void)
{
	module_put(THIS_MODULE);
}

/*
 * Arming patches the kernel's text: a program that takes and drops the only
 * lease again and again must not make it do so each time.
 */
#define HF_DISARM_DELAY (5 * HZ)

/*
 * An administrator can switch all probes of a kernel off (kernel.ftrace_enabled,
 * kprobes/enabled in debugfs), and nobody is told. Then nothing protects leased
 * blocks any more: so it is looked at this often, and the holders get this long.
 */
#define HF_WATCH_INTERVAL HZ
#define HF_WATCH_GRACE_MS 1000

static void hf_disarm_work(struct work_struct *work);
static void hf_watch_work(struct work_struct *work);

static DEFINE_MUTEX(hf_arm_mutex); /* all of these */
static unsigned long hf_leases_armed;
static bool hf_armed;
static DECLARE_DELAYED_WORK(hf_disarm, hf_disarm_work);
static DECLARE_DELAYED_WORK(hf_watch, hf_watch_work);

static void hf_probes_disable(unsigned int nr)
{
	while (nr--)
		WARN_ON(disable_kprobe(&hf_probes[nr].kp));
}

/* Called with hf_arm_mutex held, and the probes enabled. */
static bool hf_probes_are_live(void)
{
	WRITE_ONCE(hf_canary_came, false);
	hf_canary();
	if (READ_ONCE(hf_canary_came))
		return true;
	pr_err_ratelimited(
		"holdfast: probes are switched off: see /sys/kernel/debug/kprobes/enabled and the sysctl kernel.ftrace_enabled\n");
	return false;
}

static int hf_probes_enable(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(hf_probes); i++) {
		err = enable_kprobe(&hf_probes[i].kp);
		if (err) {
			pr_err_ratelimited(
				"holdfast: the probe on %s does not take: %d\n",
				hf_probes[i].kp.symbol_name, err);
			goto disable;
		}
	}
	if (hf_probes_are_live())
		return 0;
	err = -EBUSY;

disable:
	hf_probes_disable(i);
	return err;
}

static void hf_disarm_work(struct work_struct *work)
{
	mutex_lock(&hf_arm_mutex);
	if (hf_armed && !hf_leases_armed) {
		hf_probes_disable(ARRAY_SIZE(hf_probes));
		hf_armed = false;
	}
	mutex_unlock(&hf_arm_mutex);
}

static void hf_watch_work(struct work_struct *work)
{
	bool armed, dead;

	mutex_lock(&hf_arm_mutex);
	armed = hf_armed;
	dead = hf_leases_armed && !hf_probes_are_live();
	mutex_unlock(&hf_arm_mutex);
	if (dead) {
		pr_err_ratelimited(
			"holdfast: the probes were switched off: revoking all leases\n");
		hf_leases_revoke(HF_WATCH_GRACE_MS);
	}
	if (armed)
		queue_delayed_work(hf_wq, &hf_watch, HF_WATCH_INTERVAL);
}

/**
 * hf_probes_arm - one more lease needs the probes
 *
 * Return: 0, or -EBUSY when another user of ftrace that diverts calls
 * (livepatch) has one of the functions, or probes are switched off.
 */
int hf_probes_arm(void)
{
	int err;

	mutex_lock(&hf_arm_mutex);
	if (hf_armed) {
		err = hf_probes_are_live() ? 0 : -EBUSY;
	} else {
		err = hf_probes_enable();
		hf_armed = !err;
		/* It goes on by itself from here on. */
		if (hf_armed)
			queue_delayed_work(hf_wq, &hf_watch, HF_WATCH_INTERVAL);
	}
	if (!err)
		hf_leases_armed++;
	mutex_unlock(&hf_arm_mutex);
	return err;
}

void hf_probes_disarm(void)
{
	mutex_lock(&hf_arm_mutex);
	if (!--hf_leases_armed)
		mod_delayed_work(hf_wq, &hf_disarm, HF_DISARM_DELAY);
	mutex_unlock(&hf_arm_mutex);
}

int hf_probes_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < HF_PASS_BUCKETS; i++)
		spin_lock_init(&hf_passes[i].lock);
	for (i = 0; i < ARRAY_SIZE(hf_probes); i++) {
		err = register_kprobe(&hf_probes[i].kp);
		if (err) {
			pr_err("holdfast: no probe on %s: %d\n",
			       hf_probes[i].kp.symbol_name, err);
			goto unregister;
		}
	}
	return 0;

unregister:
	while (i--)
		unregister_kprobe(&hf_probes[i].kp);
	return err;
}

void hf_probes_exit(void)
{
	unsigned int i;

	cancel_delayed_work_sync(&hf_disarm);
	hf_disarm_work(NULL);
	cancel_delayed_work_sync(&hf_watch);
	for (i = 0; i < ARRAY_SIZE(hf_probes); i++)
		unregister_kprobe(&hf_probes[i].kp);
	/* Tasks between the module_put() of hf_probes_leave() and its return. */
	synchronize_rcu_tasks();
}
