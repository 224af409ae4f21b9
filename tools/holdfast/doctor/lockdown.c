// SPDX-License-Identifier: GPL-2.0
/* Secure Boot and lockdown: which modules the kernel loads. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "checks.h"
#include "sysfs.h"

#define LOCKDOWN "/sys/kernel/security/lockdown"
#define WHY_SIGNED                                                                 \
	"the kernel loads only modules that are signed with a key it knows: DKMS " \
	"signs with a key of this machine, which the firmware has to know"

static bool only_signed(const char *lockdown)
{
	char enforce[ATTR_ROOM];

	attr_read(enforce, "/sys/module/module/parameters/sig_enforce");
	return strcmp(lockdown, "none") || !strcmp(enforce, "Y");
}

/* Who signed the module that modprobe(8) finds; empty: nobody, or there is none. */
static void read_signer(char signer[ATTR_ROOM])
{
	/* A user's PATH does not have it. */
	FILE *pipe = popen("PATH=$PATH:/usr/sbin:/sbin modinfo -F signer "
			   "holdfast 2>/dev/null",
			   "re");

	signer[0] = '\0';
	if (!pipe)
		return;
	if (!fgets(signer, ATTR_ROOM, pipe))
		signer[0] = '\0';
	signer[strcspn(signer, "\n")] = '\0';
	pclose(pipe);
}

static void refused(struct doctor *doctor, const char *lockdown)
{
	char signer[ATTR_ROOM];

	read_signer(signer);
	if (!*signer)
		found(doctor, PROBLEM, WHY_SIGNED,
		      command_text(
			      "apt install openssl && dkms build --force holdfast/%s && "
			      "dkms install --force holdfast/%s (DKMS signs what "
			      "it builds where there is openssl)",
			      HOLDFAST_VERSION, HOLDFAST_VERSION),
		      "lockdown is %s, and the module is not installed or not "
		      "signed",
		      lockdown);
	else
		found(doctor, PROBLEM, WHY_SIGNED,
		      command_text(
			      "apt install mokutil && mokutil --import "
			      "/var/lib/dkms/mok.pub && reboot (and choose "
			      "\"Enroll MOK\" on the console)"),
		      "lockdown is %s, and the module, signed by \"%s\", is not "
		      "loaded",
		      lockdown, signer);
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
		refused(doctor, lockdown);
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
