// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of a lease.
 *
 * A page enters a page table only while the lease is HOLDFAST_ACTIVE, tested
 * with the file's invalidate_lock held shared. A change marks the lease and
 * empties its mappings with that lock held exclusively (the filesystem took
 * it), before it looks for busy pages. So once the filesystem looks, no page
 * table has a page of the range and none can get one, and the only references
 * left are consumers'.
 */
#include <linux/file.h>
#include <linux/pagemap.h>
#include "holdfast.h"

/*
 * Waits until the change is over, with no lock held; the fault comes again
 * then. Who faults while the lease is broken may be the thread that was to
 * answer, so a signal (SIGIO, for one) gets through where the fault allows it.
 */
static vm_fault_t hf_fault_wait(struct vm_fault *vmf, struct hf_lease *lease)
{
	struct hf_file *file = lease->file;
	struct file *filp = vmf->vma->vm_file;
	bool interruptible = vmf->flags & FAULT_FLAG_INTERRUPTIBLE;

	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
		return VM_FAULT_SIGBUS;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;

	get_file(filp);
	hf_release_fault_lock(vmf);
	if (interruptible)
		wait_event_interruptible(file->wait, READ_ONCE(lease->state) !=
							     HOLDFAST_BREAKING);
	else
		wait_event_killable(file->wait, READ_ONCE(lease->state) !=
							HOLDFAST_BREAKING);
	fput(filp);
	return VM_FAULT_RETRY;
}

static vm_fault_t hf_vm_fault(struct vm_fault *vmf)
{
	struct hf_lease *lease = vmf->vma->vm_private_data;
	struct address_space *mapping = lease->target->f_mapping;
	enum holdfast_state state = READ_ONCE(lease->state);
	vm_fault_t ret = VM_FAULT_SIGBUS;

	if (state != HOLDFAST_BREAKING) {
		filemap_invalidate_lock_shared(mapping);
		state = READ_ONCE(lease->state);
		if (state == HOLDFAST_ACTIVE)
			ret = hf_insert_page(vmf, hf_runs_pfn(&lease->runs,
							      vmf->pgoff));
		filemap_invalidate_unlock_shared(mapping);
	}
	if (state == HOLDFAST_BREAKING)
		ret = hf_fault_wait(vmf, lease);
	return ret;
}

static const struct vm_operations_struct hf_vm_ops = {
	.fault = hf_vm_fault,
};

bool hf_vma_is_lease(const struct vm_area_struct *vma)
{
	return vma->vm_ops == &hf_vm_ops;
}

/* mmap(2) of a lease; the errors are in the ABI header. */
int hf_map(struct hf_lease *lease, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	if (vma->vm_pgoff + vma_pages(vma) < vma->vm_pgoff ||
	    vma->vm_pgoff + vma_pages(vma) > hf_lease_pages(lease))
		return -ENXIO;

	/* From here on an offset in the file, as a change names its range. */
	vma->vm_pgoff += lease->range.start;
	vma->vm_private_data = lease;
	vma->vm_ops = &hf_vm_ops;
	/*
	 * A child does not inherit the mapping: it would be a holder that
	 * nobody knows. It can map the lease again.
	 */
	hf_vm_flags_mod(vma, VM_MIXEDMAP | VM_DONTEXPAND | VM_DONTDUMP |
			     VM_DONTCOPY, VM_MAYEXEC);
	return 0;
}

/* Empties all mappings of the lease in a range. */
void hf_unmap(struct hf_lease *lease, pgoff_t first, pgoff_t last)
{
	unmap_mapping_pages(&lease->mapping, first,
			    last == ULONG_MAX ? 0 : last - first + 1, false);
}
