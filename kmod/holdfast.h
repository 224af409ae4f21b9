/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Holdfast, inside. One object a file:
 *
 *   backing.c	what a file's pages are
 *   lease.c	a lease: the open /dev/holdfast bound to a range of a file
 *   release.c	the end of a lease, and zombies
 *   file.c	a leased file: all leases and all changes of one inode
 *   change.c	a layout change of such a file, and the breaks it causes
 *   absorb.c	and the changes that a lease absorbs
 *   wait.c	waiting for the consumers of those
 *   limit.c	how much may be leased
 *   party.c	the processes whose pins an explicit lease covers
 *   implicit.c	leases that a pin makes
 *   permit.c	who may have those
 *   pin.c	how pages of a lease are pinned
 *   record.c	records of pins
 *   left.c	whose pins are left
 *   held.c	which pages of a lease are held
 *   runs.c	the pages of a record, and whether something holds them
 *   shared.c	blocks that are shared with another file
 *   unshare.c	and their copies
 *   stay.c	whether blocks stay where they are, for pins that only read
 *   reserved.c	PG_reserved of pages that VFIO pins
 *   mapping.c	what file is mapped at an address
 *   consumer.c	for what a driver pins
 *   event.c	what the holder is told
 *   watch.c	and who watches many leases
 *   fence.c	what happens at the deadline
 *   heir.c	who holds consumers without having made the pins
 *   flight.c	files that a process can receive
 *   process.c	processes, and what they have open
 *   hooks/	the functions of the kernel that are replaced while there are leases:
 *		see hooks/table.c for each, hooks/hook.c for how
 *   stray.c	changes whose end no wrapper sees
 *   second.c	changes of two files at a time
 *   restart.c	changes that wait outside of their system call
 *   removal.c	devices that go
 *   media.c	memory that fails
 *   report.c	what the administrator sees
 *
 * doc/locking.md has the locks and their order.
 */
#ifndef HOLDFAST_H
#define HOLDFAST_H

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
	bool waits;	     /* not yet in the filesystem, for pins; file->lock */
	bool stray;	     /* see stray.c */
	bool unstoppable;    /* can not fail: a kill ends its patience only */
	bool deferred;	     /* given up for now, by one that may not wait */
	bool deadlocked;     /* given up, for pins of its own process */
	ktime_t entered_at;  /* and since when */
	struct mm_struct
		*mm; /* its process's, while it can give up; file->lock */

	struct address_space *mapping; /* of the file */
	struct page *busy;	       /* see second.c */
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
	struct inode *inode; /* bound leases hold it */
	unsigned long bound; /* hf_files_lock */
	bool dram;	     /* its changes do not wait */
	bool quiesced;	     /* no change that began without leases is left */
	unsigned long cow_unit; /* see hf_cow_unit(); stays while bound */
	refcount_t ref;
	spinlock_t lock; /* what is marked so, here and in leases */
	struct rb_root_cached leases; /* by page index; lock */
	struct list_head changes;     /* lock */
	struct list_head breaking;    /* leases with a deadline; lock */
	struct list_head parties;     /* see party.c; lock */
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

/* Who pins, and for what. */
struct hf_pinner {
	struct mm_struct *mm;
	enum holdfast_consumer consumer;
};

/*
 * Records of one page that are kept apart. A process can map a page as often as it
 * likes, and pin it at each of these addresses; from there on it is counted only.
 */
#define HF_PINS_OF_PAGE 64

/* A record of pins: see record.c. The owner of its pages is pinner.mm. */
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
	u64 charged;  /* pages: see limit.c; runs_sem */
	u64 count;    /* pins of pages that are left; file->lock */
	u64 maybe;    /* taken off, and maybe another's; file->lock */
	bool doubt;   /* the same, or taken off another; file->lock */
	pgoff_t next; /* where the last ones ended; file->lock */
	struct task_struct *opener; /* may go on with it; file->lock */
};

/* Where pins have ended, until the pages are let go of. */
struct hf_unpinned {
	unsigned long caller;
	bool looked_up, lets_go; /* of a registration, and of which kind */
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
	const struct cred *cred; /* who acquired */
	bool may_kill;		 /* any process, by CAP_KILL */
	bool implicit;		 /* see implicit.c */
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
	unsigned int making;	  /* records that are not made; as these */
	struct hf_pin *pin;	  /* the only one, of an implicit lease */
	struct hf_reaper *reaper; /* of an implicit lease; file->lock */

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
	struct hf_events events;

	union {
		struct list_head look_node; /* the target's invalidate_lock */
		struct rcu_head rcu;	    /* nobody's any more */
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

/* main.c */
extern struct workqueue_struct *hf_wq;
unsigned int hf_break_ms(unsigned int asked);

/* dev.c */
extern const struct file_operations hf_fops;

/* backing.c */
enum hf_backing hf_backing_of(struct file *target);
const char *hf_backing_name(enum hf_backing backing);
unsigned long hf_cow_unit(struct file *target);
void hf_cow_window(struct file *target, pgoff_t *first, pgoff_t *last);
bool hf_lends_blocks(const struct super_block *sb);

/* lease.c */
int hf_leases_init(void);
void hf_leases_exit(void);
struct hf_lease *hf_lease_new(void);
int hf_lease_acquire(struct hf_lease *lease, struct holdfast_acquire *args);
bool hf_lease_enter(struct hf_lease *lease, u64 id, bool more);
void hf_lease_leave(struct hf_lease *lease);
int hf_lease_number(struct hf_lease *lease);
void hf_lease_unnumber(struct hf_lease *lease);
void hf_lease_publish(struct hf_lease *lease);
void hf_lease_unbind(struct hf_lease *lease);
void hf_lease_put(struct hf_lease *lease);
struct hf_lease *hf_lease_find(u64 id);
struct file *hf_lease_target(struct hf_lease *lease);
struct hf_lease *hf_lease_next(unsigned long *id);
bool hf_lease_visible(const struct hf_lease *lease, struct file *target,
		      const struct file *report);
bool hf_owns_or_may_lease(struct file *target);
bool hf_may_hold_up(struct file *target);

/* party.c */
int hf_party_add(struct hf_lease *lease);
void hf_parties_end(struct hf_lease *lease);
struct hf_lease *hf_party_lease(const struct hf_span *span,
				const struct mm_struct *mm);
long hf_party_pin(struct hf_lease *lease, const struct hf_span *span,
		  const struct hf_pinner *pinner, unsigned int flags,
		  struct page **pages);

/* implicit.c */
long hf_implicit_pin(const struct hf_span *span, const struct hf_pinner *pinner,
		     unsigned int break_ms, unsigned int flags,
		     struct page **pages);

/* pin.c */
bool hf_span_limit(struct hf_span *span);
long hf_pin_pages(struct hf_file *file, struct hf_pin *pin,
		  const struct hf_span *span, unsigned int flags,
		  struct page **pages, struct hf_runs *runs);

/* record.c */
struct hf_pin *hf_pin_new(const struct hf_span *span,
			  const struct hf_pinner *pinner);
void hf_pin_free(struct hf_lease *lease, struct hf_pin *pin);
void hf_pin_enter(struct hf_lease *lease, struct hf_pin *pin);
void hf_pin_leave(struct hf_lease *lease, struct hf_pin *pin);
void hf_pin_open(struct hf_lease *lease, struct hf_pin *pin);
void hf_pin_make(struct hf_lease *lease, struct hf_pin *pin, unsigned long nr,
		 struct hf_runs *runs);
bool hf_pin_may_take(const struct hf_pin *to, const struct hf_span *span,
		     const struct hf_pinner *pinner, bool anywhere);
bool hf_pin_takes(struct hf_pin *to, const struct hf_span *span,
		  const struct hf_pinner *pinner, const struct hf_runs *runs,
		  bool anywhere);
void hf_pin_join(struct hf_lease *lease, struct hf_pin *to, struct hf_pin *pin,
		 const struct hf_span *span, const struct hf_runs *runs);
void hf_pins_prune(struct hf_lease *lease);
void hf_pins_free(struct hf_lease *lease);
bool hf_pins_made(struct hf_lease *lease, pgoff_t first, pgoff_t last);
void hf_pins_stale(struct hf_lease *lease, pgoff_t first, pgoff_t last,
		   const struct hf_pin *but);
void hf_pins_end(struct hf_unpinned *unpinned, struct page *page,
		 unsigned long nr, unsigned long pins);
void hf_pins_ended(struct hf_unpinned *unpinned);
void hf_pins_show(struct seq_file *m, struct hf_lease *lease,
		  struct pid_namespace *ns);

/* left.c */
bool hf_pin_is_left(struct hf_lease *lease, const struct hf_pin *pin);
bool hf_pin_is_left_now(struct hf_lease *lease, const struct hf_pin *pin);
bool hf_mm_has_pins(struct hf_lease *lease, const struct mm_struct *mm,
		    pgoff_t first, pgoff_t last);

/* held.c */
struct page *hf_lease_busy_page(struct hf_lease *lease, pgoff_t *index,
				pgoff_t last);
bool hf_lease_is_busy(struct hf_lease *lease, pgoff_t first, pgoff_t last);
bool hf_lease_is_pinned_by(struct hf_lease *lease, const struct mm_struct *mm,
			   pgoff_t first, pgoff_t last);
bool hf_lease_is_pinned_but_by(struct hf_lease *lease,
			       const struct mm_struct *mm, pgoff_t first,
			       pgoff_t last);
u64 hf_lease_pinned(struct hf_lease *lease);
void hf_lease_lose(struct hf_lease *lease, pgoff_t first, pgoff_t last);

/* mapping.c */
struct file *hf_mapping_file(u64 address, u64 length, u64 *offset);
int hf_mapping_locate(struct hf_lease *lease, struct holdfast_locate *args);

/* consumer.c */
enum holdfast_consumer hf_consumer_of(unsigned long caller);
bool hf_caller_may_unlock(unsigned long caller);
bool hf_caller_is_do_truncate(unsigned long caller);
bool hf_caller_lets_go(unsigned long caller, enum holdfast_consumer *consumer);
const char *hf_consumer_name(enum holdfast_consumer consumer);

/* permit.c */
int hf_permit_open(const struct holdfast_allow *args);
bool hf_permitted(const struct hf_span *span, const struct hf_pinner *pinner,
		  unsigned int *break_ms);
int hf_policy_set(const struct holdfast_policy *args);
int hf_policies_show(struct seq_file *m, void *v);
void hf_policies_exit(void);

/* watch.c */
int hf_watch_open(const struct holdfast_watch *args);
bool hf_watch_is_open(const struct mm_struct *mm);
void hf_watches_push(const struct hf_lease *lease,
		     const struct hf_event *event);

/* gup.c */
long hf_span_pin(struct mm_struct *mm, const struct hf_span *span,
		 unsigned int flags, struct page **pages);

/* release.c */
void hf_lease_reap(struct hf_lease *lease);
void hf_lease_reap_now(struct hf_lease *lease);
int hf_lease_release(struct hf_lease *lease, bool nonblock);
int hf_lease_revoke(const struct holdfast_revoke *args);
void hf_lease_remove(struct hf_lease *lease, bool wait);
void hf_lease_close(struct hf_lease *lease);

/* file.c */
int hf_files_init(void);
void hf_files_exit(void);
int hf_file_quiesce(struct hf_file *file);
bool hf_inode_leased(const struct inode *inode);
struct hf_file *hf_file_find(const struct inode *inode);
struct hf_file *hf_file_get(struct inode *inode, bool dram,
			    unsigned long cow_unit);
void hf_file_unbind(struct hf_file *file);
void hf_file_put(struct hf_file *file);

/* change.c */
void hf_change_init(struct hf_change *change, enum holdfast_op op, u64 offset,
		    u64 length);
int hf_change_begin(struct hf_file *file, struct hf_change *change);
void hf_change_end(struct hf_file *file, struct hf_change *change, long ret);
struct hf_change *hf_change_current(struct hf_file *file);
void hf_change_set_task(struct hf_file *file, struct hf_change *change,
			struct task_struct *task);
bool hf_change_excluded(struct hf_file *file, const struct hf_change *change);
void hf_change_break(struct hf_file *file, struct hf_change *change);
int hf_change_widen(struct hf_file *file, struct hf_change *change,
		    struct hf_change *by);
bool hf_others_start_again(struct hf_file *file, const struct hf_pin *pin,
			   pgoff_t first, pgoff_t last);
void hf_change_passed(struct hf_file *file, struct hf_change *change);
void hf_break_by_revoke(struct hf_lease *lease, unsigned int grace_ms);
bool hf_break_is_of_change(const struct hf_lease *lease);
bool hf_break_is_deferred(const struct hf_lease *lease);
void hf_break_next(struct hf_lease *lease);
const struct mm_struct *hf_break_mm(const struct hf_lease *lease);
void hf_break_answered(struct hf_lease *lease);
bool hf_change_overlaps(struct hf_file *file, pgoff_t first, pgoff_t last);
bool hf_change_is_under_way(struct hf_file *file, pgoff_t first, pgoff_t last);
bool hf_changes_all_wait(struct hf_file *file, pgoff_t first, pgoff_t last);
void hf_changes_meet(struct hf_lease *lease);
void hf_change_reach_back(struct hf_change *change, u64 pos);
void hf_change_info_get(struct hf_change_info *to,
			const struct hf_change_info *from);
void hf_change_info_put(struct hf_change_info *info);

/* absorb.c */
bool hf_change_is_absorbed(struct hf_file *file,
			   const struct hf_change *change);
u64 hf_absorb_size(struct hf_file *file, u64 size);
bool hf_absorb_next(struct hf_file *file, u64 *from, u64 *to);
void hf_absorbed(struct hf_file *file, enum holdfast_op op, u64 offset,
		 u64 length, u64 end);

/* wait.c */
bool hf_change_is_clear(struct hf_file *file, struct hf_change *change);
int hf_change_settle(struct hf_file *file, struct hf_change *change);
struct page *hf_change_busy_page(struct hf_file *file,
				 const struct hf_change *change);
int hf_changes_wait(struct hf_file *file, pgoff_t first, pgoff_t last,
		    unsigned int task_state, bool *more);

/* limit.c */
int hf_charge(const struct super_block *sb, u64 pages);
void hf_uncharge(const struct super_block *sb, u64 pages);

/* unshare.c */
int hf_fault_reason(struct file *file, pgoff_t index);
int hf_read_reason(struct file *file, pgoff_t index);
int hf_unshare(struct file *target, pgoff_t first, pgoff_t last);

/* stay.c */
int hf_blocks_stay(struct file *target, pgoff_t first, pgoff_t last);

/* shared.c */
int hf_file_shares(struct file *file, pgoff_t first, pgoff_t last);
int hf_drop_shared(struct hf_file *file, const struct hf_pin *pin,
		   struct file *target);
bool hf_folios_are_ours(const struct hf_runs *runs,
			struct address_space *mapping);

/* runs.c */
int hf_runs_add(struct hf_runs *runs, pgoff_t index, unsigned long pfn,
		unsigned long nr);
int hf_runs_reserve_more(struct hf_runs *runs, unsigned int nr);
void hf_runs_append(struct hf_runs *runs, const struct hf_runs *more);
bool hf_runs_have(const struct hf_runs *runs, const struct hf_runs *part);
int hf_runs_cut(struct hf_runs *runs, pgoff_t first, pgoff_t last);
void hf_runs_free(struct hf_runs *runs);
struct page *hf_runs_busy_page(const struct hf_runs *runs, pgoff_t first,
			       pgoff_t last, pgoff_t *index);
struct page *hf_runs_pinned_page(const struct hf_runs *runs, pgoff_t first,
				 pgoff_t last);
unsigned long hf_run_pages(const struct hf_runs *runs, unsigned int i);

/* reserved.c */
void hf_reserved_clear(struct page **pages, long nr);
struct page *hf_reserved_restore(const struct hf_runs *runs);

/* event.c */
#define HF_EVENT_MIN_SIZE offsetofend(struct holdfast_event, comm)
void hf_event_fill(struct holdfast_event *out, const struct hf_event *event);
void hf_events_init(struct hf_lease *lease);
void hf_event_push(struct hf_lease *lease, enum holdfast_event_type type,
		   ktime_t now);
void hf_event_tell(struct hf_lease *lease, enum holdfast_event_type type,
		   ktime_t now, const struct hf_change_info *change,
		   ktime_t deadline);
ssize_t hf_event_read(struct hf_lease *lease, char __user *buf, size_t size,
		      bool nonblock);
void hf_events_free(struct hf_lease *lease);

/* fence.c */
int hf_owner_add(struct hf_lease *lease, struct mm_struct *mm, struct pid *tgid,
		 enum hf_owner_role role);
void hf_owners_free(struct hf_lease *lease);
void hf_fence_work(struct work_struct *work);
void hf_fence_schedule(struct hf_file *file);

/* process.c */

/* As iterate_fd() has it; without a descriptor for what is mapped. */
typedef int (*hf_file_look_t)(const void *arg, struct file *file,
			      unsigned int fd);

struct task_struct *hf_process_next(int *nr);
bool hf_process_uses(struct task_struct *process, const struct mm_struct *mm);
struct mm_struct *hf_process_mm(struct task_struct *process);
bool hf_process_files(struct task_struct *process, hf_file_look_t look,
		      const void *arg);

/* Open files of an owner that can hold its pins. */
#define HF_PINNERS 32

struct hf_pinners {
	const struct hf_lease *lease;
	struct file *file[HF_PINNERS];
	unsigned int nr;
};

/* Who may hold consumers of a lease without having made the pins. */
struct hf_heirs {
	struct hf_lease *lease;
	const struct cred **cred; /* of who took the lease, or pinned */
	unsigned int nr, max;
	bool wide; /* all of the user's processes that can hold one */
};

/* heir.c */
void hf_pinners_collect(struct hf_pinners *pinners,
			struct task_struct *process);
bool hf_pinners_shared(const struct hf_pinners *pinners,
		       struct task_struct *process);
void hf_pinners_put(struct hf_pinners *pinners);
bool hf_may_fence(const struct hf_lease *lease, struct task_struct *process);
bool hf_user_is_plain(const struct hf_lease *lease);
void hf_heirs_collect_cycles(void);
bool hf_process_inherits(const struct hf_heirs *heirs,
			 struct task_struct *process);

/* flight.c */
bool hf_process_receives(struct task_struct *process, hf_file_look_t look,
			 const void *arg);
bool hf_file_is_receiving(struct file *file);
int hf_flight_test(void);

/* second.c */
void hf_second_told(struct hf_change *change, struct page *page);
struct page *hf_second_page(const struct address_space *mapping);

/* report.c */
int hf_report_init(void);
void hf_report_exit(void);
void hf_report_wake(void);
void hf_report_fdinfo(struct seq_file *m, struct hf_lease *lease);
const char *hf_op_name(enum holdfast_op op);

#endif
