// SPDX-License-Identifier: GPL-2.0
/*
 * The file that is mapped at an address of the calling process.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include "core/lease.h"
#include "lease/mapping.h"

/* Whether @vma maps the file at @index from @addr on. NULL: any file. */
static bool hf_vma_maps(struct vm_area_struct *vma, unsigned long addr,
			struct file *file, pgoff_t index)
{
	return vma && vma->vm_start <= addr && vma->vm_file &&
	       vma->vm_flags & VM_MAYSHARE &&
	       (!file || (file_inode(vma->vm_file) == file_inode(file) &&
			  linear_page_index(vma, addr) == index));
}

/* Called with the mmap lock held. */
static struct file *hf_mapping_find(struct mm_struct *mm, unsigned long start,
				    unsigned long end, pgoff_t *index)
{
	struct vm_area_struct *vma = find_vma(mm, start);
	unsigned long addr = start;
	struct file *file;

	if (!vma || vma->vm_start > start)
		return ERR_PTR(-EFAULT);
	if (!hf_vma_maps(vma, start, NULL, 0))
		return ERR_PTR(-ENOENT);
	file = vma->vm_file;
	*index = linear_page_index(vma, start);
	for (addr = vma->vm_end; addr < end; addr = vma->vm_end) {
		vma = find_vma(mm, addr);
		if (!vma || vma->vm_start > addr)
			return ERR_PTR(-EFAULT);
		if (!hf_vma_maps(vma, addr, file,
				 *index + ((addr - start) >> PAGE_SHIFT)))
			return ERR_PTR(-ENOENT);
	}
	return get_file(file);
}

/**
 * hf_mapping_file - the one file that is mapped shared at a range of addresses
 * @address: of the calling process, a multiple of the page size
 * @length: bytes, a multiple of the page size, not zero
 * @offset: out: where in the file the mapping at @address begins
 *
 * The mappings may be several, if together they map a range of the file.
 *
 * Return: a reference on the file, or -EFAULT, -ENOENT, -EINTR.
 */
struct file *hf_mapping_file(u64 address, u64 length, u64 *offset)
{
	struct mm_struct *mm = current->mm;
	struct file *file;
	pgoff_t index = 0;

	if (address >= TASK_SIZE || length > TASK_SIZE - address)
		return ERR_PTR(-EFAULT);
	if (mmap_read_lock_killable(mm))
		return ERR_PTR(-EINTR);
	file = hf_mapping_find(mm, address, address + length, &index);
	mmap_read_unlock(mm);
	if (!IS_ERR(file))
		*offset = (u64)index << PAGE_SHIFT;
	return file;
}

static struct file *hf_locate_target(struct hf_lease *lease, int fd)
{
	struct file *target;

	if (fd != -1)
		return fget(fd) ?: ERR_PTR(-EBADF);
	target = hf_lease_bound(lease) ? hf_lease_target(lease) : NULL;
	return target ?: ERR_PTR(-EBADFD);
}

/* HOLDFAST_IOC_LOCATE; the errors are in the ABI header. */
int hf_mapping_locate(struct hf_lease *lease, struct holdfast_locate *args)
{
	struct file *target, *file;
	int err = 0;

	if (args->flags || args->__reserved || !args->length ||
	    !PAGE_ALIGNED(args->address) || !PAGE_ALIGNED(args->length))
		return -EINVAL;
	target = hf_locate_target(lease, args->fd);
	if (IS_ERR(target))
		return PTR_ERR(target);
	file = hf_mapping_file(args->address, args->length, &args->offset);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
	} else {
		if (file_inode(file) != file_inode(target))
			err = -ENOENT;
		fput(file);
	}
	fput(target);
	return err;
}
