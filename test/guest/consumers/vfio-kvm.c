// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual machine that knows of a VFIO group keeps it open: who has only the
 * machine left, by fork, has what the container has pinned. The change ends all the
 * same.
 */
#define _GNU_SOURCE
#include <linux/kvm.h>

#include "vfio.h"

#define PATH	 PMEM "vfio-kvm"
#define LENGTH	 (4 * MIB)
#define BREAK_MS 3000

/* Its descriptors are left open. */
static void machine_make(const struct vfio *vfio)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_VFIO };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int machine = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	struct kvm_device_attr attr = {
		.group = KVM_DEV_VFIO_GROUP,
		.attr = KVM_DEV_VFIO_GROUP_ADD,
		.addr = (uintptr_t)&vfio->group,
	};

	if (machine < 0 || ioctl(machine, KVM_CREATE_DEVICE, &device) ||
	    ioctl(device.fd, KVM_SET_DEVICE_ATTR, &attr))
		tap_bail("kvm: %s", strerror(errno));
	close(kvm);
}

/* Says the child's pid and ends; the child has the machine. */
static void hold_and_fork(int ready)
{
	struct vfio vfio = vfio_open();
	int fd = open(PATH, O_RDWR | O_CLOEXEC);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	int err = vfio_map(&vfio, map_shared(fd, 0, LENGTH), LENGTH, IOVA);
	pid_t pid;

	if (err)
		tap_bail("vfio: %s", strerror(-err));
	machine_make(&vfio);
	pid = child_fork();
	if (!pid) {
		vfio_close(&vfio);
		close(lease);
		close(fd);
		pid = getpid();
		if (write(ready, &pid, sizeof(pid)) != sizeof(pid))
			_exit(1);
		for (;;)
			pause();
	}
	_exit(0);
}

static void test_machine(void)
{
	int fd = file_make(PATH, LENGTH), ready[2];
	struct change change;
	pid_t pid, heir;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid)
		hold_and_fork(ready[1]);
	if (read(ready[0], &heir, sizeof(heir)) != sizeof(heir) ||
	    child_wait(pid, SOON) == -1)
		tap_bail("no holder");
	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(!change_done(&change, STILL), "the change waits");
	tap_ok(change_done(&change, BREAK_MS + SOON), "it ends");
	kill(heir, SIGKILL);
	if (!change_done(&change, SOON))
		tap_bail("the change does not end at all");
	tap_is(change.error, 0, "with success");
	tap_is(lease_listed(PATH, "zombie"), 0, "no lease is left");
	close(ready[0]);
	close(ready[1]);
	close(fd);
	unlink(PATH);
}

int main(void)
{
	/* The CPU that QEMU emulates has AMD's. */
	if (system("modprobe -q kvm_amd || modprobe -q kvm_intel") ||
	    access("/dev/kvm", R_OK | W_OK))
		tap_skip("no KVM in the guest");
	else if (!vfio_device())
		tap_skip("no device for VFIO: lab/guest --iommu");
	else
		test_machine();
	system("modprobe -rq kvm_amd kvm_intel");
	return tap_done();
}
