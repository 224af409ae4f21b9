// SPDX-License-Identifier: GPL-2.0
/* RDMA devices, and who can use them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "checks.h"
#include "sysfs.h"

#define DEVICES "/sys/class/infiniband"
#define VERBS	"/sys/class/infiniband_verbs"

/* "uverbs0": the character device of an RDMA device. */
static bool uverbs_of(char name[ATTR_ROOM], const char *device)
{
	char ibdev[ATTR_ROOM];
	struct dirent *entry;
	bool there = false;
	DIR *dir = opendir(VERBS);

	if (!dir)
		return false;
	while (!there && (entry = readdir(dir))) {
		if (!attr_read(ibdev, VERBS "/%s/ibdev", entry->d_name) ||
		    strcmp(ibdev, device))
			continue;
		there = true;
		snprintf(name, ATTR_ROOM, "%.*s", ATTR_ROOM - 1, entry->d_name);
	}
	closedir(dir);
	return there;
}

static void check_access(struct doctor *doctor, const char *device)
{
	char name[ATTR_ROOM], path[ATTR_ROOM + 32];
	int fd;

	if (!uverbs_of(name, device)) {
		found(doctor, PROBLEM,
		      "programs use an RDMA device through ib_uverbs",
		      command_text("modprobe ib_uverbs"),
		      "%s: no character device in /dev/infiniband", device);
		return;
	}
	snprintf(path, sizeof(path), "/dev/infiniband/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	else
		found(doctor, PROBLEM,
		      "this user cannot register memory with it",
		      errno == EACCES
			      ? command_text(
					"chmod 666 %s (and in a udev rule)",
					path)
			      : command_text("podman run --device %s ...",
					     path),
		      "%s: %s: %s", device, path, strerror(errno));
}

/* "4: ACTIVE" */
static void check_port(struct doctor *doctor, const char *device)
{
	char state[ATTR_ROOM], netdev[ATTR_ROOM];

	attr_read(state, DEVICES "/%s/ports/1/state", device);
	if (!attr_read(netdev, DEVICES "/%s/ports/1/gid_attrs/ndevs/0", device))
		strcpy(netdev, "no network device");
	if (strstr(state, "ACTIVE"))
		found_good(doctor, "%s: port 1 is active (%s)", device, netdev);
	else
		found(doctor, WARNING, "nothing can be sent or received",
		      command_text("ip link set %s up",
				   *netdev == 'n' ? "DEVICE" : netdev),
		      "%s: port 1 is %s (%s)", device,
		      *state ? state : "unknown", netdev);
}

static void check_namespaces_of(struct doctor *doctor)
{
	char shared[ATTR_ROOM];

	if (!attr_read(shared, "/sys/module/ib_core/parameters/netns_mode"))
		return;
	if (!strcmp(shared, "Y"))
		found_good(
			doctor,
			"all network namespaces see all RDMA devices (shared)");
	else
		found(doctor, NOTE,
		      "a container sees a device only when it was moved into its "
		      "network namespace",
		      command_text("rdma dev set DEVICE netns NAME"),
		      "each RDMA device is in one network namespace (exclusive)");
}

void check_rdma(struct doctor *doctor)
{
	struct dirent *entry;
	DIR *dir = opendir(DEVICES);
	bool any = false;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		any = true;
		check_port(doctor, entry->d_name);
		check_access(doctor, entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (any)
		check_namespaces_of(doctor);
	else
		found(doctor, NOTE,
		      "io_uring, VFIO and AF_XDP need none; RDMA does",
		      command_text(
			      "rdma link add rxe0 type rxe netdev DEVICE (soft RoCE)"),
		      "no RDMA device in this network namespace");
}
