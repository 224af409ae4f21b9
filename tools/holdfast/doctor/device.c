// SPDX-License-Identifier: GPL-2.0
/* /dev/holdfast: whether this process may open it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/holdfast.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checks.h"
#include "sysfs.h"

/* Whether the user namespace is the first one: it maps all numbers to themselves. */
static bool is_first_namespace(void)
{
	unsigned long inside, outside, count;
	char map[ATTR_ROOM];

	return attr_read(map, "/proc/self/uid_map") &&
	       sscanf(map, "%lu %lu %lu", &inside, &outside, &count) == 3 &&
	       !inside && !outside && count == 0xffffffff;
}

/* The command that lets this user in: where udev's rule is, a group can open the device. */
static char *let_in(void)
{
	struct stat st;

	if (!is_first_namespace())
		return command_text(
			"setfacl -m u:UID:rw %s (outside, with the UID that "
			"the machine has for this user)",
			HOLDFAST_DEVICE);
	if (!stat(HOLDFAST_DEVICE, &st) && !st.st_gid)
		return command_text(
			"apt install holdfastd (its udev rule gives the device "
			"to the group holdfast)");
	return command_text("usermod -aG holdfast USER (and log in again)");
}

static void refused(struct doctor *doctor, int err)
{
	switch (err) {
	case ENOENT:
		found(doctor, PROBLEM,
		      "the module has made the device, but this /dev (of a "
		      "container?) does not have it",
		      command_text("podman run --device %s ...",
				   HOLDFAST_DEVICE),
		      "%s is not there, although the module is loaded",
		      HOLDFAST_DEVICE);
		break;
	case EPERM:
		found(doctor, PROBLEM,
		      "the device cgroup of this container does not allow the "
		      "device: programs inside have no leases",
		      command_text("podman run --device %s ...",
				   HOLDFAST_DEVICE),
		      "%s: the device cgroup refuses it", HOLDFAST_DEVICE);
		break;
	case EACCES:
		found(doctor, PROBLEM,
		      "programs of this user can acquire no lease and not use "
		      "'holdfast run'; where 'holdfast policy' allows leases "
		      "they need no device",
		      let_in(), "%s: no permission for user %u",
		      HOLDFAST_DEVICE, geteuid());
		break;
	default:
		found(doctor, PROBLEM, "programs cannot acquire leases", NULL,
		      "%s: %s", HOLDFAST_DEVICE, strerror(err));
	}
}

static void check_open(struct doctor *doctor)
{
	int fd = open(HOLDFAST_DEVICE, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0) {
		refused(doctor, errno);
		return;
	}
	if (!fstat(fd, &st))
		found_good(doctor, "%s opens (mode %#o, group %u)",
			   HOLDFAST_DEVICE, st.st_mode & 07777, st.st_gid);
	close(fd);
}

void check_device(struct doctor *doctor)
{
	if (!access("/sys/module/holdfast", F_OK))
		check_open(doctor);
	if (!is_first_namespace())
		found(doctor, NOTE,
		      "root here has no capabilities over other users' files and "
		      "processes: 'policy', 'drain' and holdfastd work outside",
		      NULL, "this is a user namespace of its own");
}
