// SPDX-License-Identifier: GPL-2.0
/* Secure Boot and lockdown: which modules the kernel loads. */
#include <string.h>
#include <unistd.h>

#include "checks.h"
#include "sysfs.h"

#define LOCKDOWN "/sys/kernel/security/lockdown"

static bool only_signed(const char *lockdown)
{
	char enforce[ATTR_ROOM];

	attr_read(enforce, "/sys/module/module/parameters/sig_enforce");
	return strcmp(lockdown, "none") || !strcmp(enforce, "Y");
}

static void check_signature(struct doctor *doctor, const char *lockdown)
{
	bool loaded = !access("/sys/module/holdfast", F_OK);

	if (!only_signed(lockdown))
		found_good(doctor, "the kernel loads unsigned modules");
	else if (loaded)
		found_good(doctor,
			   "lockdown is %s, and the kernel took the module's "
			   "signature",
			   lockdown);
	else
		found(doctor, PROBLEM,
		      "the kernel loads only modules that are signed with a key "
		      "it knows, and DKMS signs with the machine owner's key",
		      command_text(
			      "mokutil --import /var/lib/dkms/mok.pub && reboot"),
		      "lockdown is %s, and the module is not loaded", lockdown);
}

void check_lockdown(struct doctor *doctor)
{
	char value[ATTR_ROOM];
	const char *lockdown = "none";

	if (attr_read(value, LOCKDOWN))
		lockdown = chosen_word(value);
	check_signature(doctor, lockdown);
	if (!strcmp(lockdown, "confidentiality"))
		found(doctor, NOTE,
		      "the kernel keeps its trace events to itself, so 'holdfast "
		      "trace' does not work; leases do",
		      NULL, "lockdown is confidentiality");
}
