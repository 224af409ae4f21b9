// SPDX-License-Identifier: GPL-2.0
/* Versions of kernel, module and tool. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "checks.h"
#include "sysfs.h"

/* Those that every test of Holdfast runs on. */
static const char *const series[] = { "6.1", "6.12", "7.2" };

static bool is_tested(const char *release)
{
	for (size_t i = 0; i < sizeof(series) / sizeof(series[0]); i++) {
		size_t length = strlen(series[i]);

		if (!strncmp(release, series[i], length) &&
		    (release[length] == '.' || release[length] == '-'))
			return true;
	}
	return false;
}

static void check_kernel(struct doctor *doctor, const char *release)
{
	if (is_tested(release))
		found_good(doctor, "Linux %s", release);
	else
		found(doctor, NOTE,
		      "Holdfast is tested with Linux 6.1, 6.12 and 7.2; on other "
		      "kernels the module's self-test decides whether it loads",
		      NULL,
		      "Linux %s is not a kernel that Holdfast is tested with",
		      release);
}

/* Whether modprobe(8) finds the module for this kernel. */
static bool is_installed(const char *release)
{
	char path[128], line[512];
	bool there = false;
	FILE *file;

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!there && fgets(line, sizeof(line), file)) {
		line[strcspn(line, ":")] = '\0';
		there = strstr(line, "/holdfast.ko");
	}
	fclose(file);
	return there;
}

static void check_module(struct doctor *doctor, const char *release)
{
	char version[ATTR_ROOM];

	if (access("/sys/module/holdfast", F_OK)) {
		found(doctor, PROBLEM,
		      "without the module the kernel refuses to register files "
		      "with DAX",
		      is_installed(release)
			      ? command_text("modprobe holdfast")
			      : command_text(
					"dkms autoinstall -k %s && modprobe holdfast",
					release),
		      "the module is not loaded%s",
		      is_installed(release)
			      ? ""
			      : ", and not installed for this kernel");
		return;
	}
	attr_read(version, "/sys/module/holdfast/version");
	if (!strcmp(version, HOLDFAST_VERSION))
		found_good(doctor, "module and tool %s", version);
	else
		found(doctor, WARNING,
		      "the tool may not know what the module reports",
		      command_text("rmmod holdfast && modprobe holdfast"),
		      "the module has version %s, the tool has %s",
		      *version ? version : "unknown", HOLDFAST_VERSION);
}

void check_versions(struct doctor *doctor)
{
	struct utsname kernel;

	uname(&kernel);
	check_kernel(doctor, kernel.release);
	check_module(doctor, kernel.release);
}
