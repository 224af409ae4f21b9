// SPDX-License-Identifier: GPL-2.0
/* An importer of dma-bufs that tests can move step by step: see the header. */
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include "hf_importer.h"

struct importer {
	struct mutex mutex; /* dmabuf, attach, fence */
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct dma_fence *fence;
	bool obeys;

	/* Under the reservation lock. */
	struct sg_table *sgt;
	unsigned int pins, told;
};

static struct platform_device *importer_device;

/* Fences. */

struct importer_fence {
	struct dma_fence base;
	spinlock_t lock;
};

static const char *importer_fence_name(struct dma_fence *fence)
{
	return "hf_importer";
}

static const struct dma_fence_ops importer_fence_ops = {
	.get_driver_name = importer_fence_name,
	.get_timeline_name = importer_fence_name,
};

static int importer_begin(struct importer *imp)
{
	struct importer_fence *fence;
	int err;

	if (imp->fence)
		return -EBUSY;
	fence = kzalloc(sizeof(*fence), GFP_KERNEL);
	if (!fence)
		return -ENOMEM;
	err = dma_resv_reserve_fences(imp->dmabuf->resv, 1);
	if (err) {
		kfree(fence);
		return err;
	}
	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &importer_fence_ops, &fence->lock,
		       dma_fence_context_alloc(1), 1);
	imp->fence = &fence->base;
	dma_resv_add_fence(imp->dmabuf->resv, imp->fence,
			   DMA_RESV_USAGE_BOOKKEEP);
	return 0;
}

static void importer_end(struct importer *imp)
{
	if (!imp->fence)
		return;
	dma_fence_signal(imp->fence);
	dma_fence_put(imp->fence);
	imp->fence = NULL;
}

/* Mapping and pinning; under the reservation lock. */

static int importer_map(struct importer *imp)
{
	struct sg_table *sgt;

	if (imp->sgt)
		return -EBUSY;
	sgt = dma_buf_map_attachment(imp->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	imp->sgt = sgt;
	return 0;
}

static void importer_unmap(struct importer *imp, struct dma_buf_attachment *at)
{
	if (imp->sgt)
		dma_buf_unmap_attachment(at, imp->sgt, DMA_BIDIRECTIONAL);
	imp->sgt = NULL;
}

/* For dynamic importers only: see dma_buf_pin(). */
static int importer_pin(struct importer *imp)
{
	int err;

	if (!imp->attach->importer_ops)
		return -EINVAL;
	err = dma_buf_pin(imp->attach);
	if (!err)
		imp->pins++;
	return err;
}

static void importer_unpin(struct importer *imp, struct dma_buf_attachment *at)
{
	for (; imp->pins; imp->pins--)
		dma_buf_unpin(at);
}

static void importer_told(struct dma_buf_attachment *attach)
{
	struct importer *imp = attach->importer_priv;

	imp->told++;
	if (!imp->obeys)
		return;
	importer_unmap(imp, attach);
	importer_unpin(imp, attach);
}

static const struct dma_buf_attach_ops importer_ops = {
	.allow_peer2peer = true,
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
	.move_notify = importer_told,
#else
	.invalidate_mappings = importer_told,
#endif
};

/* What a device does: it has bus addresses, and here they are physical ones. */
static int importer_fill(struct importer *imp, const struct importer_fill *fill)
{
	u64 at = 0, left = fill->length, offset = fill->offset;
	struct scatterlist *sg;
	unsigned int i;

	if (!imp->sgt)
		return -ENXIO;
	for_each_sgtable_dma_sg(imp->sgt, sg, i)
	{
		u64 skip = offset - at, part;

		if (!left)
			break;
		if (skip < sg_dma_len(sg)) {
			part = min_t(u64, left, sg_dma_len(sg) - skip);
			memset(phys_to_virt(sg_dma_address(sg) + skip),
			       fill->byte, part);
			offset += part;
			left -= part;
		}
		at += sg_dma_len(sg);
	}
	return left ? -ERANGE : 0;
}

/* Attaching; not under the reservation lock. */

static int importer_attach(struct importer *imp,
			   const struct importer_attach *args)
{
	const struct dma_buf_attach_ops *ops =
		args->flags & IMPORTER_DYNAMIC ? &importer_ops : NULL;
	struct dma_buf_attachment *attach;
	struct dma_buf *dmabuf;

	if (imp->attach)
		return -EBUSY;
	dmabuf = dma_buf_get(args->fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	imp->obeys = args->flags & IMPORTER_OBEYS;
	imp->told = 0;
	attach =
		dma_buf_dynamic_attach(dmabuf, &importer_device->dev, ops, imp);
	if (IS_ERR(attach)) {
		dma_buf_put(dmabuf);
		return PTR_ERR(attach);
	}
	imp->dmabuf = dmabuf;
	imp->attach = attach;
	return 0;
}

static void importer_detach(struct importer *imp)
{
	if (!imp->attach)
		return;
	importer_end(imp);
	dma_resv_lock(imp->dmabuf->resv, NULL);
	importer_unmap(imp, imp->attach);
	importer_unpin(imp, imp->attach);
	dma_resv_unlock(imp->dmabuf->resv);
	dma_buf_detach(imp->dmabuf, imp->attach);
	dma_buf_put(imp->dmabuf);
	imp->attach = NULL;
	imp->dmabuf = NULL;
}

/* The device file. */

static int importer_locked(struct importer *imp, unsigned int cmd,
			   const struct importer_fill *fill)
{
	switch (cmd) {
	case IMPORTER_MAP:
		return importer_map(imp);
	case IMPORTER_UNMAP:
		importer_unmap(imp, imp->attach);
		return 0;
	case IMPORTER_PIN:
		return importer_pin(imp);
	case IMPORTER_UNPIN:
		importer_unpin(imp, imp->attach);
		return 0;
	case IMPORTER_FILL:
		return importer_fill(imp, fill);
	case IMPORTER_TOLD:
		return imp->told;
	case IMPORTER_BEGIN:
		return importer_begin(imp);
	default:
		return -ENOTTY;
	}
}

static int importer_command(struct importer *imp, unsigned int cmd,
			    void __user *uarg)
{
	struct importer_attach attach;
	struct importer_fill fill = {};
	int ret;

	switch (cmd) {
	case IMPORTER_ATTACH:
		if (copy_from_user(&attach, uarg, sizeof(attach)))
			return -EFAULT;
		return importer_attach(imp, &attach);
	case IMPORTER_DETACH:
		importer_detach(imp);
		return 0;
	case IMPORTER_END:
		importer_end(imp);
		return 0;
	case IMPORTER_FILL:
		if (copy_from_user(&fill, uarg, sizeof(fill)))
			return -EFAULT;
		break;
	}
	if (!imp->attach)
		return -ENXIO;
	dma_resv_lock(imp->dmabuf->resv, NULL);
	ret = importer_locked(imp, cmd, &fill);
	dma_resv_unlock(imp->dmabuf->resv);
	return ret;
}

static long importer_ioctl(struct file *filp, unsigned int cmd,
			   unsigned long arg)
{
	struct importer *imp = filp->private_data;
	int ret;

	if (mutex_lock_interruptible(&imp->mutex))
		return -ERESTARTSYS;
	ret = importer_command(imp, cmd, (void __user *)arg);
	mutex_unlock(&imp->mutex);
	return ret;
}

static int importer_open(struct inode *inode, struct file *filp)
{
	struct importer *imp = kzalloc(sizeof(*imp), GFP_KERNEL);

	if (!imp)
		return -ENOMEM;
	mutex_init(&imp->mutex);
	filp->private_data = imp;
	return 0;
}

static int importer_release(struct inode *inode, struct file *filp)
{
	importer_detach(filp->private_data);
	kfree(filp->private_data);
	return 0;
}

static const struct file_operations importer_fops = {
	.owner = THIS_MODULE,
	.open = importer_open,
	.release = importer_release,
	.unlocked_ioctl = importer_ioctl,
};

static struct miscdevice importer_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hf_importer",
	.fops = &importer_fops,
	.mode = 0666,
};

static int __init importer_init(void)
{
	int err;

	importer_device =
		platform_device_register_simple("hf_importer", -1, NULL, 0);
	if (IS_ERR(importer_device))
		return PTR_ERR(importer_device);
	err = dma_coerce_mask_and_coherent(&importer_device->dev,
					   DMA_BIT_MASK(64));
	if (!err)
		err = misc_register(&importer_misc);
	if (err)
		platform_device_unregister(importer_device);
	return err;
}

static void __exit importer_exit(void)
{
	misc_deregister(&importer_misc);
	platform_device_unregister(importer_device);
}

module_init(importer_init);
module_exit(importer_exit);

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
MODULE_IMPORT_NS(DMA_BUF);
#else
MODULE_IMPORT_NS("DMA_BUF");
#endif
MODULE_DESCRIPTION("An importer of dma-bufs, for tests");
MODULE_LICENSE("GPL");
