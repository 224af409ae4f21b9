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
 * A broken lease is restored by being touched, so that its mapping shows the
 * file as an ordinary one would. That is not done here, with the mmap lock
 * held: the fault drops it and comes again. Only a program's own access waits:
 * in a system call on the mapping the filesystem may have locks that the change
 * waits for, or the page tables be another process's. Who faults while the
 * lease breaks may be the thread that was to answer, so a signal (SIGIO, for
 * one) gets through.
 */
static vm_fault_t hf_fault_restore(struct vm_fault *vmf, struct hf_lease *lease)
{
	unsigned int state = vmf->flags & FAULT_FLAG_INTERRUPTIBLE
				     ? TASK_INTERRUPTIBLE
				     : TASK_KILLABLE;
	struct file *filp = vmf->vma->vm_file;

	if (!(vmf->flags & FAULT_FLAG_USER) ||
	    !(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
		return VM_FAULT_SIGBUS;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;

	get_file(filp);
	hf_release_fault_lock(vmf);
	hf_lease_restore(lease, state, true);
	fput(filp);
	return VM_FAULT_RETRY;
}

/*
 * SIGBUS is for a page that the lease has not got: beyond the end of the file,
 * or released, or not to be restored. A fault that comes again after a failed
 * restore is not sent round once more.
 */
static vm_fault_t hf_vm_fault(struct vm_fault *vmf)
{
	struct hf_lease *lease = vmf->vma->vm_private_data;
	struct file *target = hf_lease_target(lease);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	bool failed, restore = false;
	struct address_space *mapping;

	if (!target)
		return VM_FAULT_SIGBUS;
	mapping = target->f_mapping;
	filemap_invalidate_lock_shared(mapping);
	/* Pairs with hf_lease_try_collect(): the runs come first. */
	switch (smp_load_acquire(&lease->state)) {
	case HOLDFAST_ACTIVE:
		if (vmf->pgoff < lease->runs.end)
			ret = hf_insert_page(vmf, hf_runs_pfn(&lease->runs,
							      vmf->pgoff));
		break;
	case HOLDFAST_BROKEN:
		failed = READ_ONCE(lease->restore_failed);
		restore = !(failed && vmf->flags & FAULT_FLAG_TRIED);
		break;
	case HOLDFAST_BREAKING:
	case HOLDFAST_ACQUIRING:
		restore = true;
		break;
	default:
		break;
	}
	filemap_invalidate_unlock_shared(mapping);
	fput(target);
	return restore ? hf_fault_restore(vmf, lease) : ret;
}

/* The PMD around the fault, if the mapping and the pages have one there. */
static vm_fault_t hf_insert_aligned(struct vm_fault *vmf,
				    const struct hf_runs *runs)
{
	unsigned long addr = vmf->address & PMD_MASK, pfn;
	pgoff_t index = vmf->pgoff & ~(pgoff_t)(PTRS_PER_PTE - 1);

	if (linear_page_index(vmf->vma, addr) != index ||
	    addr < vmf->vma->vm_start || addr + PMD_SIZE > vmf->vma->vm_end)
		return VM_FAULT_FALLBACK;
	pfn = hf_runs_span(runs, index, PTRS_PER_PTE);
	if (!pfn || !IS_ALIGNED(pfn, PTRS_PER_PTE))
		return VM_FAULT_FALLBACK;
	return hf_insert_pmd(vmf, pfn);
}

/* All but the plain case is left to hf_vm_fault(). */
static vm_fault_t hf_vm_huge_fault(struct vm_fault *vmf, HF_FAULT_SIZE size)
{
	struct hf_lease *lease = vmf->vma->vm_private_data;
	struct file *target = hf_lease_target(lease);
	vm_fault_t ret = VM_FAULT_FALLBACK;

	if (size == HF_FAULT_PMD && target) {
		filemap_invalidate_lock_shared(target->f_mapping);
		/* As in hf_vm_fault(). */
		if (smp_load_acquire(&lease->state) == HOLDFAST_ACTIVE)
			ret = hf_insert_aligned(vmf, &lease->runs);
		filemap_invalidate_unlock_shared(target->f_mapping);
	}
	if (target)
		fput(target);
	return ret;
}

/* A child has a copy after all: madvise(MADV_DOFORK), before 6.15. */
static void hf_vm_open(struct vm_area_struct *vma)
{
	hf_mapper_add(vma->vm_private_data, vma->vm_mm, task_tgid(current),
		      HF_MAPS, GFP_KERNEL | __GFP_NOFAIL);
}

static const struct vm_operations_struct hf_vm_ops = {
	.open = hf_vm_open,
	.fault = hf_vm_fault,
	.huge_fault = hf_vm_huge_fault,
};

bool hf_vma_is_lease(const struct vm_area_struct *vma)
{
	return vma->vm_ops == &hf_vm_ops;
}

/*
 * What mmap(2) of the leased file, which is open for reading and writing, refuses
 * as well; nothing is executed of any lease. Security modules are asked about the
 * device: security_mmap_file() is not exported. About a DAX file they are asked
 * when an acquire maps it to find its pages (collect.c).
 */
static int hf_may_map_target(struct file *target,
			     const struct vm_area_struct *vma)
{
	const struct inode *inode = file_inode(target);

	if (IS_APPEND(inode))
		return -EACCES;
	if (IS_SWAPFILE(inode) && vma->vm_flags & VM_WRITE)
		return -ETXTBSY;
	return 0;
}

/* mmap(2) of a lease; the errors are in the ABI header. */
int hf_map(struct hf_lease *lease, struct file *target,
	   struct vm_area_struct *vma)
{
	pgoff_t asked = lease->asked_last - lease->range.start + 1;
	int err;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	if (vma->vm_pgoff + vma_pages(vma) < vma->vm_pgoff ||
	    vma->vm_pgoff + vma_pages(vma) > asked)
		return -ENXIO;
	err = hf_may_map_target(target, vma);
	if (err)
		return err;

	if (lease->backing != HF_DAX)
		return hf_map_dram(lease, target, vma);

	/* From here on an offset in the file, as a change names its range. */
	vma->vm_pgoff += lease->range.start;
	vma->vm_private_data = lease;
	vma->vm_ops = &hf_vm_ops;
	/*
	 * A child does not inherit the mapping: it would be a holder that
	 * nobody knows. It can map the lease again.
	 */
	hf_vm_flags_mod(vma,
			HF_VM_FLAGS | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY,
			VM_MAYEXEC);
	return 0;
}

/* Empties all mappings of the lease in a range. */
void hf_unmap(struct hf_lease *lease, pgoff_t first, pgoff_t last)
{
	unmap_mapping_pages(&lease->mapping, first,
			    last == ULONG_MAX ? 0 : last - first + 1, false);
}
