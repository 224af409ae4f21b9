/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The objects of the module. Each folder includes its own headers and those of the
 * folders before it: compat, core, pages, change, fence, lease, report, hooks. See
 * doc/architecture.md; doc/locking.md has the locks and their order.
 */
#ifndef HF_CORE_TYPES_H
#define HF_CORE_TYPES_H

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/holdfast.h>
#include <linux/interval_tree.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/rhashtable.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include "compat/compat.h"
#include "core/intact.h"

/*
 * Whether busy pages are looked for. test/oracle leaves it out: the truth test must
 * find the blocks that are lost then.
 */
#ifdef HF_UNGUARDED
#define HF_GUARDED false
#else
#define HF_GUARDED true
#endif

/* A change as holders and administrators hear of it; may outlive its task. */
struct hf_change_info {
	enum holdfast_op op;
	u64 offset, length; /* what was asked for; ~0: to any end */
	struct pid *tgid;
	char comm[TASK_COMM_LEN];
};

/* A change under way: of one inode, by one task, within one system call. */
struct hf_change {
	struct list_head node;	  /* hf_file.changes */
	struct task_struct *task; /* to compare with current only */
	struct hf_change_info info;
	pgoff_t first, last; /* what can break: rounded out to PMDs */
	bool nothing;	     /* takes no block away (an extend) */
	bool entered;	     /* the filesystem waits, or has the lock */
	bool met;	     /* leases, in there */
	bool waits;	  /* not yet in the filesystem, for pins; file->lock */
	bool unhooked;	  /* see unhooked.c */
	bool unstoppable; /* cannot fail: a kill only ends its patience */
	bool deferred;	  /* given up for now, by one that may not wait */
	bool deadlocked;  /* given up, for pins of its own process */
	ktime_t entered_at; /* and since when */
	struct mm_struct
		*mm; /* its process's, while it can give up; file->lock */

	struct address_space *mapping; /* of the file */
	struct page *busy;	       /* see change/pair.c */
	struct list_head second_node;
};

enum hf_backing {
	HF_NO_BACKING,
	HF_DAX,
	HF_TMPFS,
	HF_HUGETLBFS,
};

/* A file that has leases. Found by inode, in RCU. */
struct hf_file {
	struct rhash_head hash;
	struct inode *inode;	      /* bound leases hold it */
	unsigned long bound;	      /* hf_files_lock */
	struct hf_counters *counters; /* of its filesystem; they stay */
	bool dram;		      /* its changes do not wait */
	bool quiesced; /* no change that began without leases is left */
	unsigned long cow_unit; /* see hf_cow_unit(); stays while bound */
	refcount_t ref;
	spinlock_t lock; /* what is marked so, here and in leases */
	struct rb_root_cached leases; /* by page index; lock */
	struct list_head changes;     /* lock */
	struct list_head turns;	      /* see change/turn.c; lock */
	struct list_head breaking;    /* leases with a deadline; lock */
	unsigned int breaks;	      /* how often one began; lock to write */
	wait_queue_head_t wait;	      /* a change ended, a lease moved on */
	struct delayed_work fence;
	struct rcu_work free;
};

struct hf_run {
	pgoff_t index; /* in the file */
	unsigned long pfn;
};

/* Instead of a page number: pages that a change has taken. */
#define HF_NO_PFN (~0UL)

/* Pages of a range: run i goes up to the index of run i + 1. See hf_run(). */
struct hf_runs {
	union {
		struct hf_run *run; /* room for @max */
		struct hf_run only; /* where @max is 0 */
	};
	unsigned int nr, max;
	pgoff_t end;
};

/* Run @i: most leases have one, which needs no room of its own. */
static inline struct hf_run *hf_run(const struct hf_runs *runs, unsigned int i)
{
	return runs->max ? &runs->run[i] : (struct hf_run *)&runs->only;
}

/* Kept unread, at most. */
#define HF_EVENTS 4

struct hf_event {
	u64 seq;
	u32 type;
	struct hf_change_info change;
	ktime_t time, deadline;
};

struct hf_events {
	struct hf_event *ring; /* @only, or room for HF_EVENTS */
	u64 seq;	       /* of the newest */
	u32 lost;
	u8 first, nr, room;
	struct hf_event only;
};

/* Pages of one mapping of a file; or, without a file, of others. */
struct hf_span {
	struct file *file; /* with a reference */
	unsigned long addr;
	pgoff_t index;
	unsigned long nr;
	bool readonly; /* it can only be read: see stay.c */
};

/* The process that pins, and the consumer. */
struct hf_pinner {
	struct mm_struct *mm;
	enum holdfast_consumer consumer;
};

/* How often each page of a record is pinned: see counts.c. All under file->lock. */
struct hf_counts {
	struct rb_root steps;
	struct hf_step *spare;
	unsigned int spares;
	u64 all; /* together */
};

/*
 * Records of one page that are kept apart. A process can map a page as often as it
 * likes, and pin it at each of these addresses; from there on it is counted only.
 */
#define HF_PINS_OF_PAGE 64

/* A record of pins: see pages/record.c. The owner of its pages is pinner.mm. */
struct hf_pin {
	struct interval_tree_node range; /* hf_lease.pins; in pages */
	struct hf_runs runs;		 /* runs_sem */
	bool made;			 /* its pages are pinned; file->lock */
	bool stale;			 /* a change came before; file->lock */
	struct hf_pinner pinner;	 /* its mm is grabbed, not used */
	struct pid *tgid;
	kuid_t uid, euid;
	u64 start_time; /* of the process, in ns of CLOCK_BOOTTIME */
	unsigned long address;
	u64 charged;		 /* pages: see limit.c; runs_sem */
	struct hf_counts counts; /* pins that are left; file->lock */
	u64 maybe;    /* taken off, and maybe another's; file->lock */
	bool doubt;   /* the same, or taken off another; file->lock */
	pgoff_t next; /* where the last ones ended; file->lock */
	struct task_struct *opener; /* may go on with it; file->lock */
};

/* Where pins have ended, until the pages are let go of. */
struct hf_unpinned {
	unsigned long caller;
	bool looked_up, lets_go; /* of a registration, and of which kind */
	bool over;		 /* a record has none left */
	enum holdfast_consumer consumer;
	struct hf_file *file; /* with a reference, or NULL */
	pgoff_t first, last;
};

/* Why a process may hold pins: the first that holds is kept. */
enum hf_owner_role {
	HF_PINS,   /* it has made them */
	HF_SHARES, /* it shares files of one that did */
};

/* Whose pins they may be, for the fence. */
struct hf_owner {
	struct list_head node;
	struct mm_struct *mm;	 /* grabbed, not used */
	const struct cred *cred; /* when it pinned */
	struct pid *tgid;
	unsigned int round; /* of the fence that killed it */
	enum hf_owner_role role;
};

struct hf_lease {
	struct kref kref;   /* the open file, or the zombie */
	bool reaping;	    /* mutex */
	struct mutex mutex; /* one acquire or release at a time */

	/* Constant from acquire on. */
	u64 id; /* 0: none of the others is valid */
	enum holdfast_kind kind;
	enum hf_backing backing;
	struct hf_file *file;
	const struct cred *cred; /* of the process that acquired it */
	bool may_kill;		 /* any process, by CAP_KILL */
	bool implicit;		 /* see lease/implicit.c */
	unsigned int break_ms;
	struct pid *tgid;
	char comm[TASK_COMM_LEN];
	ktime_t acquired;

	/*
	 * Records of pins come and go with both runs_sem, exclusively, and
	 * file->lock held: either is enough to look at them.
	 */
	struct rw_semaphore runs_sem;
	struct rb_root_cached pins;
	unsigned int nr_pins, prune_at; /* runs_sem */
	unsigned int making;	     /* records that are not made; as these */
	struct hf_pin *pin;	     /* the only one, of an implicit lease */
	struct delayed_work *reaper; /* or NULL; file->lock */

	/* Under file->lock. In the tree from acquire on to the end. */
	struct file *target; /* NULL: released. Constant under the mutex. */
	struct interval_tree_node range; /* in pages, last included */
	/* An implicit one in the tree that is HOLDFAST_UNBOUND is being made. */
	enum holdfast_state state;
	bool fenced;
	unsigned int ended;	  /* records whose pins have ended */
	unsigned int fence_round; /* how often owners were killed */
	unsigned int first_round; /* of this break */
	ktime_t deadline;
	ktime_t fence_at;	     /* when to look whether to fence */
	pgoff_t first_due, last_due; /* pages to be let go by then */
	ktime_t owed;	    /* deadline of a break that was given up; or 0 */
	ktime_t revoke_due; /* the nearest deadline of a revoke; or 0 */
	struct hf_change *breaker; /* in file->changes, or NULL */
	struct hf_change_info change;
	u64 absorbed;		     /* changes: see absorb.c */
	unsigned int media_errors;   /* since it was acquired */
	struct list_head break_node; /* file->breaking */
	struct list_head owners;
	struct list_head parties; /* see lease/party.c */
	struct hf_intact intact;  /* pages: see intact.c */
	struct hf_events events;

	union {
		struct list_head look_node; /* the target's invalidate_lock */
		struct rcu_head rcu;	    /* when nobody has it */
	};
	wait_queue_head_t wait; /* events */
	struct fasync_struct *fasync;
};

/* What can break, in bytes, as the kernel's DAX functions take it: last included. */
static inline void hf_change_bytes(const struct hf_change *change,
				   loff_t *start, loff_t *end)
{
	*start = (loff_t)change->first << PAGE_SHIFT;
	*end = change->last == ULONG_MAX
		       ? LLONG_MAX
		       : (((loff_t)change->last + 1) << PAGE_SHIFT) - 1;
}

static inline u64 hf_lease_offset(const struct hf_lease *lease)
{
	return (u64)lease->range.start << PAGE_SHIFT;
}

/* The lease exists; what is constant from acquire on may be read. */
static inline bool hf_lease_bound(const struct hf_lease *lease)
{
	/* Pairs with hf_lease_bind(): all else comes first. */
	return smp_load_acquire(&lease->id);
}

/* Leaves its file's tree, if it is in there. Called with file->lock held. */
static inline void hf_lease_out(struct hf_lease *lease)
{
	lockdep_assert_held(&lease->file->lock);
	if (RB_EMPTY_NODE(&lease->range.rb))
		return;
	interval_tree_remove(&lease->range, &lease->file->leases);
	RB_CLEAR_NODE(&lease->range.rb);
}

/* Leases and records of pins are in interval trees by their range, in pages. */
#define hf_range_entry(found, pos)                                         \
	({                                                                 \
		struct interval_tree_node *node_ = found;                  \
		node_ ? container_of(node_, typeof(*(pos)), range) : NULL; \
	})

#define hf_for_each_range(pos, tree, first, last)                              \
	for (pos = hf_range_entry(interval_tree_iter_first(tree, first, last), \
				  pos);                                        \
	     pos; pos = hf_range_entry(interval_tree_iter_next(&(pos)->range,  \
							       first, last),   \
				       pos))

/* The leases of a range. Called with file->lock held. */
#define hf_for_each_overlap(lease, file, first, last) \
	hf_for_each_range(lease, &(file)->leases, first, last)

/* The records of pins of a range. Called with runs_sem or file->lock held. */
#define hf_for_each_pin(pin, lease, first, last) \
	hf_for_each_range(pin, &(lease)->pins, first, last)

static inline u64 hf_lease_pages(const struct hf_lease *lease)
{
	return lease->range.last - lease->range.start + 1;
}

#endif
