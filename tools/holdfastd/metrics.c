// SPDX-License-Identifier: GPL-2.0
/* The text of metrics, see metrics.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "holdfast.h"
#include "log.h"
#include "metrics.h"
#include "mountpoints.h"
#include "utf8.h"

/* Leases of one filesystem that are alike. */
struct group {
	unsigned int major, minor;
	unsigned int kind, state, origin;
	uint64_t leases;
};

/* Pins of one filesystem for one kind of consumer. */
struct pins {
	unsigned int major, minor;
	unsigned int consumer;
	uint64_t records, bytes;
};

/* Where a lease is. */
struct place {
	uint64_t lease;
	unsigned int major, minor;
};

struct metrics {
	struct counters_list counters;
	struct mountpoints mountpoints;
	struct group *groups;
	size_t group_count;
	struct pins *pins;
	size_t pins_count;
	struct place *places; /* by number */
	size_t place_count;
};

/* One more element of a list, zeroed, or NULL. */
static void *grow(void **list, size_t *count, size_t size)
{
	char *grown = reallocarray(*list, *count + 1, size);

	if (!grown)
		return NULL;
	*list = grown;
	return memset(grown + size * (*count)++, 0, size);
}

/* Files in memory are one filesystem, as in the module's counters. */
static void place_of(const struct hf_report_entry *entry, unsigned int *major,
		     unsigned int *minor)
{
	bool dax = entry->backing && !strcmp(entry->backing, "dax");

	*major = dax ? entry->major : 0;
	*minor = dax ? entry->minor : 0;
}

static struct group *group_of(struct metrics *metrics,
			      const struct hf_report_entry *entry)
{
	unsigned int major, minor;
	struct group *group;

	place_of(entry, &major, &minor);
	for (size_t i = 0; i < metrics->group_count; i++) {
		group = &metrics->groups[i];
		if (group->major == major && group->minor == minor &&
		    group->kind == entry->kind &&
		    group->state == entry->state &&
		    group->origin == entry->origin)
			return group;
	}
	group = grow((void **)&metrics->groups, &metrics->group_count,
		     sizeof(*group));
	if (group)
		*group = (struct group){ .major = major,
					 .minor = minor,
					 .kind = entry->kind,
					 .state = entry->state,
					 .origin = entry->origin };
	return group;
}

static int add_lease(struct metrics *metrics,
		     const struct hf_report_entry *entry)
{
	struct group *group = group_of(metrics, entry);
	struct place *place = grow((void **)&metrics->places,
				   &metrics->place_count, sizeof(*place));

	if (!group || !place)
		return -ENOMEM;
	group->leases++;
	place->lease = entry->id;
	place_of(entry, &place->major, &place->minor);
	return 0;
}

static int read_leases(struct metrics *metrics)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	int ret = hf_report_open(NULL, &report);

	if (ret)
		return ret;
	while ((ret = hf_report_next(report, &entry)) > 0) {
		ret = add_lease(metrics, &entry);
		if (ret)
			break;
	}
	hf_report_close(report);
	return ret;
}

static int compare_places(const void *a, const void *b)
{
	const struct place *one = a, *other = b;

	return (one->lease > other->lease) - (one->lease < other->lease);
}

static struct pins *pins_of(struct metrics *metrics, const struct place *place,
			    unsigned int consumer)
{
	struct pins *pins;

	for (size_t i = 0; i < metrics->pins_count; i++) {
		pins = &metrics->pins[i];
		if (pins->major == place->major &&
		    pins->minor == place->minor && pins->consumer == consumer)
			return pins;
	}
	pins = grow((void **)&metrics->pins, &metrics->pins_count,
		    sizeof(*pins));
	if (pins)
		*pins = (struct pins){ .major = place->major,
				       .minor = place->minor,
				       .consumer = consumer };
	return pins;
}

/* A lease that has come since the report was read counts next time. */
static int add_pin(struct metrics *metrics, const struct hf_pins_entry *entry)
{
	const struct place key = { .lease = entry->lease };
	const struct place *place = bsearch(&key, metrics->places,
					    metrics->place_count, sizeof(key),
					    compare_places);
	struct pins *pins;

	if (!place)
		return 0;
	pins = pins_of(metrics, place, entry->consumer);
	if (!pins)
		return -ENOMEM;
	pins->records++;
	pins->bytes += entry->length;
	return 0;
}

static int read_pins(struct metrics *metrics)
{
	struct hf_pins_entry entry;
	struct hf_pins *pins;
	int ret = hf_pins_open(NULL, &pins);

	if (ret)
		return ret;
	qsort(metrics->places, metrics->place_count, sizeof(*metrics->places),
	      compare_places);
	while ((ret = hf_pins_next(pins, &entry)) > 0) {
		ret = add_pin(metrics, &entry);
		if (ret)
			break;
	}
	hf_pins_close(pins);
	return ret;
}

/* --- the text */

/* A label's value is UTF-8; mount points can have any byte but zero. */
static void put_label(FILE *to, const char *text)
{
	while (*text) {
		size_t length = utf8_showable(text);

		if (*text == '\\' || *text == '"')
			fputc('\\', to);
		if (length)
			fwrite(text, 1, length, to);
		else
			fputc('?', to);
		text += length ? length : 1;
	}
}

/* device="259:0",mountpoint="/mnt/pmem" */
static void put_place(FILE *to, const struct metrics *metrics,
		      unsigned int major, unsigned int minor)
{
	const char *mountpoint =
		mountpoints_find(&metrics->mountpoints, major, minor);

	if (!major && !minor)
		fputs("device=\"memory\"", to);
	else
		fprintf(to, "device=\"%u:%u\"", major, minor);
	fputs(",mountpoint=\"", to);
	put_label(to, mountpoint ? mountpoint : "");
	fputc('"', to);
}

static void put_head(FILE *to, const char *name, const char *type,
		     const char *help)
{
	fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_leases(FILE *to, const struct metrics *metrics)
{
	put_head(to, "holdfast_leases", "gauge", "Leases that there are.");
	for (size_t i = 0; i < metrics->group_count; i++) {
		const struct group *group = &metrics->groups[i];

		fputs("holdfast_leases{", to);
		put_place(to, metrics, group->major, group->minor);
		fprintf(to,
			",kind=\"%s\",state=\"%s\",origin=\"%s\"} %" PRIu64
			"\n",
			hf_kind_name(group->kind), hf_state_name(group->state),
			hf_origin_name(group->origin), group->leases);
	}
}

static void put_pins(FILE *to, const struct metrics *metrics, const char *name,
		     const char *help, bool bytes)
{
	put_head(to, name, "gauge", help);
	for (size_t i = 0; i < metrics->pins_count; i++) {
		const struct pins *pins = &metrics->pins[i];

		fprintf(to, "%s{", name);
		put_place(to, metrics, pins->major, pins->minor);
		fprintf(to, ",consumer=\"%s\"} %" PRIu64 "\n",
			hf_consumer_name(pins->consumer),
			bytes ? pins->bytes : pins->records);
	}
}

static const struct {
	enum counter counter;
	const char *name, *help;
} totals[] = {
	{ COUNTER_LEASES, "holdfast_leases_made_total",
	  "Leases that were made." },
	{ COUNTER_BREAKS, "holdfast_breaks_total",
	  "How often a change met a lease whose holder has to let go." },
	{ COUNTER_REFUSED, "holdfast_changes_refused_total",
	  "Changes that an exclusive or rewriting lease made fail." },
	{ COUNTER_ABSORBED, "holdfast_changes_absorbed_total",
	  "Changes that a rewriting lease absorbed." },
	{ COUNTER_REVOKED, "holdfast_leases_revoked_total",
	  "Leases that were revoked, or whose device was removed." },
	{ COUNTER_FENCED, "holdfast_fences_total",
	  "Deadlines that passed with consumers left." },
	{ COUNTER_KILLED, "holdfast_processes_killed_total",
	  "Processes that the kernel killed at a deadline." },
	{ COUNTER_MEDIA_ERRORS, "holdfast_media_errors_total",
	  "Failures of memory in the range of a lease." },
};

static void put_totals(FILE *to, const struct metrics *metrics)
{
	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
		put_head(to, totals[i].name, "counter", totals[i].help);
		for (size_t j = 0; j < metrics->counters.count; j++) {
			const struct counters *counters =
				&metrics->counters.list[j];

			fprintf(to, "%s{", totals[i].name);
			put_place(to, metrics, counters->major,
				  counters->minor);
			fprintf(to, "} %" PRIu64 "\n",
				counters->value[totals[i].counter]);
		}
	}
}

#define WAIT "holdfast_change_wait_seconds"

static void put_waits_of(FILE *to, const struct metrics *metrics,
			 const struct counters *counters)
{
	static const struct {
		enum counter counter;
		const char *le;
	} buckets[] = {
		{ COUNTER_LE_1MS, "0.001" }, { COUNTER_LE_10MS, "0.01" },
		{ COUNTER_LE_100MS, "0.1" }, { COUNTER_LE_1S, "1" },
		{ COUNTER_LE_10S, "10" },    { COUNTER_LE_60S, "60" },
		{ COUNTER_WAITS, "+Inf" },
	};

	for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++) {
		fputs(WAIT "_bucket{", to);
		put_place(to, metrics, counters->major, counters->minor);
		fprintf(to, ",le=\"%s\"} %" PRIu64 "\n", buckets[i].le,
			counters->value[buckets[i].counter]);
	}
	fputs(WAIT "_sum{", to);
	put_place(to, metrics, counters->major, counters->minor);
	fprintf(to, "} %.6f\n", counters->value[COUNTER_WAIT_US] / 1e6);
	fputs(WAIT "_count{", to);
	put_place(to, metrics, counters->major, counters->minor);
	fprintf(to, "} %" PRIu64 "\n", counters->value[COUNTER_WAITS]);
}

static void put_waits(FILE *to, const struct metrics *metrics)
{
	put_head(
		to, WAIT, "histogram",
		"How long changes took from when they met leases to their end.");
	for (size_t i = 0; i < metrics->counters.count; i++)
		put_waits_of(to, metrics, &metrics->counters.list[i]);
}

static void put_agent(FILE *to, const struct agent_counts *agent)
{
	put_head(
		to, "holdfastd_relieved_total", "counter",
		"Processes from which the agent took what a change waited for.");
	fprintf(to, "holdfastd_relieved_total %" PRIu64 "\n", agent->revoked);
	put_head(to, "holdfastd_left_total", "counter",
		 "Processes that the agent left to the kernel.");
	fprintf(to, "holdfastd_left_total %" PRIu64 "\n", agent->left);
	put_head(to, "holdfastd_info", "gauge", "The agent and its version.");
	fputs("holdfastd_info{version=\"" HOLDFAST_VERSION "\"} 1\n", to);
}

static void put_all(FILE *to, const struct metrics *metrics,
		    const struct agent_counts *agent)
{
	put_leases(to, metrics);
	put_pins(to, metrics, "holdfast_pins", "Records of pins.", false);
	put_pins(to, metrics, "holdfast_pinned_bytes",
		 "Bytes of files that consumers pin, each counted for itself.",
		 true);
	put_totals(to, metrics);
	put_waits(to, metrics);
	put_agent(to, agent);
}

static int read_all(struct metrics *metrics)
{
	int ret = counters_read(HOLDFAST_COUNTERS, &metrics->counters);

	if (!ret)
		ret = mountpoints_read(&metrics->mountpoints);
	if (!ret)
		ret = read_leases(metrics);
	if (!ret)
		ret = read_pins(metrics);
	return ret;
}

static void metrics_end(struct metrics *metrics)
{
	counters_end(&metrics->counters);
	mountpoints_end(&metrics->mountpoints);
	free(metrics->groups);
	free(metrics->pins);
	free(metrics->places);
}

char *metrics_text(const struct agent_counts *agent)
{
	struct metrics metrics = { 0 };
	int ret = read_all(&metrics);
	char *text = NULL;
	size_t size;
	FILE *to = ret ? NULL : open_memstream(&text, &size);

	if (to) {
		put_all(to, &metrics, agent);
		if (fclose(to)) {
			free(text);
			text = NULL;
		}
	}
	if (!text)
		say(LOG_ERR, "metrics: %s", strerror(ret ? -ret : ENOMEM));
	metrics_end(&metrics);
	return text;
}
