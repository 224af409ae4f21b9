// SPDX-License-Identifier: GPL-2.0
/* What the kernel knows of a page, for tests: see the header. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include "hf_pages.h"

static u64 pages_look(unsigned long pfn)
{
	struct page *page;
	u64 value;

	if (!pfn_valid(pfn))
		return 0;
	page = pfn_to_page(pfn);
	value = (u32)page_ref_count(page);
	/* Of each page, also in a large folio. */
	if (test_bit(PG_reserved, (unsigned long *)&page->flags))
		value |= PAGES_RESERVED;
	if (folio_maybe_dma_pinned(page_folio(page)))
		value |= PAGES_PINNED;
	if (is_zone_device_page(page))
		value |= PAGES_DAX;
	return value;
}

static ssize_t pages_read(struct file *filp, char __user *buf, size_t size,
			  loff_t *pos)
{
	unsigned long pfn = *pos / sizeof(u64);
	size_t done;

	for (done = 0; done + sizeof(u64) <= size; done += sizeof(u64)) {
		u64 value = pages_look(pfn++);

		if (copy_to_user(buf + done, &value, sizeof(value)))
			return -EFAULT;
		cond_resched();
	}
	*pos += done;
	return done;
}

/* One value: how many references more the page is to have, or fewer. */
static ssize_t pages_write(struct file *filp, const char __user *buf,
			   size_t size, loff_t *pos)
{
	unsigned long pfn = *pos / sizeof(u64);
	s64 more;

	if (size != sizeof(more) || !pfn_valid(pfn))
		return -EINVAL;
	if (copy_from_user(&more, buf, sizeof(more)))
		return -EFAULT;
	if (more > 0)
		folio_ref_add(page_folio(pfn_to_page(pfn)), more);
	else
		folio_ref_sub(page_folio(pfn_to_page(pfn)), -more);
	return size;
}

/* unpoison_memory() is not for pages of a device: their driver does it. */
static long pages_ioctl(struct file *filp, unsigned int cmd, unsigned long pfn)
{
	if (cmd != PAGES_UNPOISON)
		return -ENOTTY;
	if (!pfn_valid(pfn))
		return -EINVAL;
	ClearPageHWPoison(pfn_to_page(pfn));
	return 0;
}

static const struct file_operations pages_fops = {
	.owner = THIS_MODULE,
	.read = pages_read,
	.write = pages_write,
	.unlocked_ioctl = pages_ioctl,
	.llseek = default_llseek,
};

static struct miscdevice pages_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hf_pages",
	.fops = &pages_fops,
	.mode = 0600,
};

module_misc_device(pages_misc);

MODULE_DESCRIPTION("What the kernel knows of a page, for tests");
MODULE_LICENSE("GPL");
