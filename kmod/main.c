// SPDX-License-Identifier: GPL-2.0
/*
 * Holdfast: layout leases on file ranges. Loading, unloading, parameters.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#define CREATE_TRACE_POINTS
#include "core/trace.h"
#include "core/file.h"
#include "core/hook.h"
#include "core/lease.h"
#include "fence/fence.h"
#include "fence/flight.h"
#include "lease/permit.h"
#include "report/report.h"
#include "hooks/selftest.h"
#include "hooks/table.h"
#include "dev.h"

static struct miscdevice hf_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "holdfast",
	.fops = &hf_fops,
	/* Until udev gives it to the group: packaging/60-holdfast.rules. */
	.mode = 0660,
};

static int __init hf_init(void)
{
	int err;

	hf_wq = alloc_workqueue("holdfast", WQ_UNBOUND, 0);
	if (!hf_wq)
		return -ENOMEM;
	err = hf_leases_init();
	if (err)
		goto destroy_wq;
	err = hf_files_init(hf_fence_work);
	if (err)
		goto exit_leases;
	err = hf_flight_test() ?: hf_hooks_init(&hf_all_hooks);
	if (err)
		goto exit_files;
	err = hf_hooks_test();
	if (err)
		goto exit_hooks;
	err = hf_report_init();
	if (err)
		goto exit_hooks;
	err = misc_register(&hf_device);
	if (err)
		goto exit_report;
	return 0;

exit_report:
	hf_report_exit();
exit_hooks:
	hf_hooks_exit();
exit_files:
	hf_files_exit();
exit_leases:
	hf_leases_exit();
destroy_wq:
	/* The self-test's file is freed after a grace period, by work. */
	rcu_barrier();
	destroy_workqueue(hf_wq);
	return err;
}

/*
 * Every lease, open or zombie, holds a reference on the module, so there is
 * none left here.
 */
static void __exit hf_exit(void)
{
	misc_deregister(&hf_device);
	hf_report_exit();
	hf_policies_exit();
	hf_hooks_exit();
	/* The last put of a lease may be in there. */
	flush_workqueue(hf_wq);
	/* Leases and files are freed after a grace period, these by work. */
	rcu_barrier();
	destroy_workqueue(hf_wq);
	hf_files_exit();
	hf_leases_exit();
}

module_init(hf_init);
module_exit(hf_exit);

MODULE_DESCRIPTION("Layout leases on file ranges, for long-term pins");
MODULE_AUTHOR("The Holdfast developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(HF_VERSION);
