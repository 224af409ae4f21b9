// SPDX-License-Identifier: GPL-2.0
/*
 * Counters by filesystem, for /proc/fs/holdfast/counters. A lease takes what it knows
 * of itself along when it ends, and nobody else sees what happened in between. A
 * filesystem's counters stay until the module is unloaded.
 */
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "core/counters.h"

/* How long changes waited: up to so many milliseconds; the last: any time. */
static const unsigned int hf_wait_ms[] = { 1, 10, 100, 1000, 10000, 60000 };

#define HF_WAITS (ARRAY_SIZE(hf_wait_ms) + 1)

struct hf_counters {
	struct list_head node;
	dev_t dev;
	atomic64_t count[HF_COUNTS];
	atomic64_t wait_us;
	atomic64_t waits[HF_WAITS];
};

static DEFINE_MUTEX(hf_counters_mutex); /* the list; nobody leaves it */
static LIST_HEAD(hf_counters_list);

/* The counters of a filesystem, made if there are none, or NULL: no memory. */
struct hf_counters *hf_counters_get(dev_t dev)
{
	struct hf_counters *counters, *found = NULL;

	mutex_lock(&hf_counters_mutex);
	list_for_each_entry(counters, &hf_counters_list, node) {
		if (counters->dev == dev) {
			found = counters;
			break;
		}
	}
	if (!found) {
		found = kzalloc(sizeof(*found), GFP_KERNEL);
		if (found) {
			found->dev = dev;
			list_add_tail(&found->node, &hf_counters_list);
		}
	}
	mutex_unlock(&hf_counters_mutex);
	return found;
}

/* May be called in any context. */
void hf_count(const struct hf_file *file, enum hf_count what)
{
	atomic64_inc(&READ_ONCE(file->counters)->count[what]);
}

/* A change that met leases has ended; it did so first at @since. */
void hf_count_wait(const struct hf_file *file, ktime_t since)
{
	struct hf_counters *counters = READ_ONCE(file->counters);
	s64 us = ktime_us_delta(ktime_get(), since);
	unsigned int i = 0;

	while (i < ARRAY_SIZE(hf_wait_ms) && us > hf_wait_ms[i] * 1000LL)
		i++;
	atomic64_inc(&counters->waits[i]);
	atomic64_add(us, &counters->wait_us);
}

/* Each bucket has those before it, too, as Prometheus has it. */
static void hf_counters_show_waits(struct seq_file *m,
				   struct hf_counters *counters)
{
	unsigned int i;
	s64 sum = 0;

	seq_printf(m, " %lld", atomic64_read(&counters->wait_us));
	for (i = 0; i < HF_WAITS; i++) {
		sum += atomic64_read(&counters->waits[i]);
		seq_printf(m, " %lld", sum);
	}
	seq_putc(m, '\n');
}

/* /proc/fs/holdfast/counters */
int hf_counters_show(struct seq_file *m, void *v)
{
	struct hf_counters *counters;
	unsigned int i;

	seq_puts(
		m,
		"major minor leases breaks refused absorbed revoked fenced killed media_errors wait_us le_1ms le_10ms le_100ms le_1s le_10s le_60s waits\n");
	mutex_lock(&hf_counters_mutex);
	list_for_each_entry(counters, &hf_counters_list, node) {
		seq_printf(m, "%u %u", MAJOR(counters->dev),
			   MINOR(counters->dev));
		for (i = 0; i < HF_COUNTS; i++)
			seq_printf(m, " %lld",
				   atomic64_read(&counters->count[i]));
		hf_counters_show_waits(m, counters);
	}
	mutex_unlock(&hf_counters_mutex);
	return 0;
}

/* The module goes, and no file is left. */
void hf_counters_exit(void)
{
	struct hf_counters *counters, *next;

	list_for_each_entry_safe(counters, next, &hf_counters_list, node) {
		list_del(&counters->node);
		kfree(counters);
	}
}
