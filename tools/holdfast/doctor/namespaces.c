// SPDX-License-Identifier: GPL-2.0
/* Namespaces of persistent memory: their mode, and where their page structs are. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "sysfs.h"

#define ND	   "/sys/bus/nd/devices"
#define HUGE	   (UINT64_C(2) << 20)
#define WHY_NO_DAX "without page structs there is no DAX and nothing to pin"
#define WHY_DEV \
	"each pin writes page structs, which are slower on the device than in RAM"
#define WHY_ALIGN                                                            \
	"no file can be mapped by pages of 2 MiB, so registering takes 512 " \
	"times as many steps"

/* The command destroys what is in the namespace, so it says so. */
static char *make_anew(const char *namespace)
{
	return command_text(
		"ndctl create-namespace -f -e %s --mode=fsdax --map=mem "
		"--align=2M (erases it)",
		namespace);
}

static void check_start(struct doctor *doctor, const char *name,
			const char *device)
{
	uint64_t start, align;

	/* Only root is shown addresses. */
	if (attr_number(&start, ND "/%s/resource", device) && start % HUGE)
		found(doctor, WARNING, WHY_ALIGN, make_anew(name),
		      "%s: begins at %#llx, which is no multiple of 2 MiB",
		      name, (unsigned long long)start);
	if (attr_number(&align, ND "/%s/align", device) && align % HUGE)
		found(doctor, WARNING, WHY_ALIGN, make_anew(name),
		      "%s: is aligned to %llu KiB, not to 2 MiB", name,
		      (unsigned long long)align >> 10);
}

/* Mode "memory": a pfn device claims the namespace, and has the page structs. */
static void check_fsdax(struct doctor *doctor, const char *name)
{
	char pfn[ATTR_ROOM], map[ATTR_ROOM];

	/* Memory of the firmware's, or of memmap=, has them all the same. */
	if (!attr_read(pfn, ND "/%s/holder", name) || !*pfn) {
		found_good(doctor, "%s: legacy, with page structs in RAM",
			   name);
		check_start(doctor, name, name);
		return;
	}
	attr_read(map, ND "/%s/mode", pfn);
	if (!strcmp(map, "pmem"))
		found(doctor, NOTE, WHY_DEV, make_anew(name),
		      "%s: fsdax, with page structs on the device (map=dev)",
		      name);
	else
		found_good(doctor, "%s: fsdax, with page structs in RAM", name);
	check_start(doctor, name, pfn);
}

static void check_namespace(struct doctor *doctor, const char *name)
{
	char mode[ATTR_ROOM];
	uint64_t size;

	/* A place where one can be made. */
	if (attr_number(&size, ND "/%s/size", name) && !size)
		return;
	attr_read(mode, ND "/%s/mode", name);
	if (!strcmp(mode, "memory"))
		check_fsdax(doctor, name);
	else if (!strcmp(mode, "raw"))
		found(doctor, PROBLEM, WHY_NO_DAX, make_anew(name),
		      "%s: mode raw, without page structs", name);
	else if (!strcmp(mode, "safe"))
		found(doctor, PROBLEM,
		      "a block translation table has no DAX: the file's blocks "
		      "are not the memory that is mapped",
		      make_anew(name), "%s: mode sector", name);
	else if (!strcmp(mode, "dax"))
		found(doctor, NOTE,
		      "a device-dax character device has no files to lease; "
		      "programs register it without Holdfast",
		      make_anew(name), "%s: mode devdax", name);
}

void check_namespaces(struct doctor *doctor)
{
	struct dirent *entry;
	DIR *dir = opendir(ND);

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "namespace", 9))
			check_namespace(doctor, entry->d_name);
	closedir(dir);
}
