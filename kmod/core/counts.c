// SPDX-License-Identifier: GPL-2.0
/*
 * How often each page of a record is pinned.
 *
 * A process can register the same pages as often as it likes, in parts of any size, and
 * a driver that unpins a page does not name the registration. Page by page this does
 * not matter: the counts of a page in all records of a process add up to how often the
 * process has it pinned. One number for all pages of a record would not be enough. The
 * module could take pins of another region off it until it is zero. The fence would then
 * spare the process for good, although the process holds pages.
 *
 * The counts are steps. Each reaches from its first page up to the next step, and
 * before the first step nothing is pinned. A registration that begins and ends as a whole
 * needs one step, so there are few. file->lock protects them all. The task that pins
 * allocates steps in advance, because a task that unpins cannot wait for memory.
 */
#include <linux/slab.h>
#include "core/counts.h"

struct hf_step {
	struct rb_node rb;
	union {
		pgoff_t first;
		struct hf_step *spare; /* the next one */
	};
	u64 pins;
};

/*
 * Spare ones that a new record has: one for its pages; two where they become part of
 * another record's, at their beginning and end; one for when they are unpinned.
 */
#define HF_STEPS 3

static struct hf_step *hf_step_of(struct rb_node *node)
{
	return node ? rb_entry(node, struct hf_step, rb) : NULL;
}

static struct hf_step *hf_step_next(const struct hf_step *step)
{
	return hf_step_of(rb_next(&step->rb));
}

static void hf_step_put(struct hf_counts *counts, struct hf_step *step)
{
	if (counts->spares == HF_STEPS) {
		kfree(step);
		return;
	}
	step->spare = counts->spare;
	counts->spare = step;
	counts->spares++;
}

static struct hf_step *hf_step_pop(struct hf_counts *counts)
{
	struct hf_step *step = counts->spare;

	if (step) {
		counts->spare = step->spare;
		counts->spares--;
	}
	return step;
}

static void hf_step_drop(struct hf_counts *counts, struct hf_step *step)
{
	rb_erase(&step->rb, &counts->steps);
	hf_step_put(counts, step);
}

/* The step that page @index is in, or NULL: it is before the first one. */
static struct hf_step *hf_step_find(const struct hf_counts *counts,
				    pgoff_t index)
{
	struct rb_node *node = counts->steps.rb_node;
	struct hf_step *step, *found = NULL;

	while (node) {
		step = hf_step_of(node);
		if (step->first <= index) {
			found = step;
			node = node->rb_right;
		} else {
			node = node->rb_left;
		}
	}
	return found;
}

static bool hf_step_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct hf_step, rb)->first <
	       rb_entry(b, struct hf_step, rb)->first;
}

/* The step that begins at page @index, made if there is none; NULL: no memory. */
static struct hf_step *hf_step_at(struct hf_counts *counts, pgoff_t index)
{
	struct hf_step *before = hf_step_find(counts, index), *step;

	if (before && before->first == index)
		return before;
	step = hf_step_pop(counts)
		       ?: kmalloc(sizeof(*step), GFP_ATOMIC | __GFP_NOWARN);
	if (!step)
		return NULL;
	step->first = index;
	step->pins = before ? before->pins : 0;
	rb_add(&step->rb, &counts->steps, hf_step_less);
	return step;
}

/* A step that is no different from what is before it goes. */
static void hf_step_merge(struct hf_counts *counts, struct hf_step *step)
{
	struct hf_step *before = hf_step_of(rb_prev(&step->rb));

	if (step->pins == (before ? before->pins : 0))
		hf_step_drop(counts, step);
}

/**
 * hf_counts_init - the counts of a new record
 * @counts: zero
 *
 * May sleep.
 *
 * Return: 0, or -ENOMEM, with hf_counts_free() still to be called.
 */
int hf_counts_init(struct hf_counts *counts)
{
	struct hf_step *step;
	unsigned int i;

	counts->steps = RB_ROOT;
	for (i = 0; i < HF_STEPS; i++) {
		step = kmalloc(sizeof(*step), GFP_KERNEL_ACCOUNT);
		if (!step)
			return -ENOMEM;
		hf_step_put(counts, step);
	}
	return 0;
}

/* Nobody else knows them any longer. */
void hf_counts_free(struct hf_counts *counts)
{
	struct hf_step *step, *next;

	rbtree_postorder_for_each_entry_safe(step, next, &counts->steps, rb)
		kfree(step);
	while ((step = hf_step_pop(counts)))
		kfree(step);
}

/* What a record has spare is another one's: its pages become part of that. */
void hf_counts_pass(struct hf_counts *counts, struct hf_counts *from)
{
	struct hf_step *step;

	while ((step = hf_step_pop(from)))
		hf_step_put(counts, step);
}

/**
 * hf_counts_begin - pages at the end of a record are pinned
 * @counts: of the record, with a spare step
 * @first: index of the first page; none behind it was pinned before
 * @nr: how many
 */
void hf_counts_begin(struct hf_counts *counts, pgoff_t first, u64 nr)
{
	struct hf_step *step = hf_step_at(counts, first), *behind;

	if (WARN_ON_ONCE(!step))
		return;
	while ((behind = hf_step_next(step)))
		hf_step_drop(counts, behind);
	step->pins = 1;
	hf_step_merge(counts, step);
	counts->all += nr;
}

/**
 * hf_counts_add - pages of a record are pinned once more
 * @counts: of the record, with two spare steps
 * @first: index of the first page
 * @nr: how many
 */
void hf_counts_add(struct hf_counts *counts, pgoff_t first, u64 nr)
{
	struct hf_step *from = hf_step_at(counts, first);
	struct hf_step *end = hf_step_at(counts, first + nr), *step;

	if (WARN_ON_ONCE(!from || !end))
		return;
	for (step = from; step != end; step = hf_step_next(step))
		step->pins++;
	hf_step_merge(counts, end);
	hf_step_merge(counts, from);
	counts->all += nr;
}

/**
 * hf_counts_take - a pin of each of some pages ends
 * @counts: of the record
 * @first: index of the first page, which is pinned
 * @nr: how many at most, none of them behind the record's last one
 *
 * Without memory the counts stay as they are: counts->all does not change.
 *
 * Return: how many, not zero; it may be called again for those that follow.
 */
u64 hf_counts_take(struct hf_counts *counts, pgoff_t first, u64 nr)
{
	struct hf_step *from = hf_step_at(counts, first), *end;

	if (!from)
		return nr;
	end = hf_step_next(from);
	if (end)
		nr = min_t(u64, nr, end->first - first);
	end = hf_step_at(counts, first + nr);
	if (end) {
		from->pins--;
		counts->all -= nr;
		hf_step_merge(counts, end);
	}
	hf_step_merge(counts, from);
	return nr;
}

/* Nobody has pages of a range pinned, whatever was counted. */
void hf_counts_clear(struct hf_counts *counts, pgoff_t first, pgoff_t last)
{
	u64 before;

	do {
		pgoff_t index = first;

		before = counts->all;
		while (hf_counts_next(counts, &index, last))
			index +=
				hf_counts_take(counts, index, last - index + 1);
	} while (counts->all != before);
}

/**
 * hf_counts_next - the next pinned page
 * @counts: of the record
 * @index: index of the first page to look at; out: of what is found
 * @last: index of the last page to look at, not behind the record's
 *
 * Return: whether there is one.
 */
bool hf_counts_next(const struct hf_counts *counts, pgoff_t *index,
		    pgoff_t last)
{
	struct hf_step *step = hf_step_find(counts, *index);

	if (!step)
		step = hf_step_of(rb_first(&counts->steps));
	while (step && !step->pins)
		step = hf_step_next(step);
	if (!step || step->first > last || *index > last)
		return false;
	*index = max(*index, step->first);
	return true;
}
