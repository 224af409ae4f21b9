// SPDX-License-Identifier: GPL-2.0
/*
 * Leases as dma-bufs, for drivers that let go of memory by themselves.
 *
 * While an importer has the dma-buf mapped or pinned, the pages are pinned as
 * GUP would pin them: importers are consumers like all others to everybody who
 * looks for busy pages, here and in filesystems. The pins go with the last
 * mapping, and not before the fences of the reservation object have signalled.
 *
 * When a lease stops being active, a worker tells the importers: they may be
 * asked under the reservation lock only, and who breaks a lease has locks of
 * the filesystem, above which that lock has no place.
 *
 * Nothing waits for a lease with the reservation lock held, because importers
 * need it to let go, and holders to deregister. So while a lease is not active
 * mapping it fails with EAGAIN; attaching, where nobody holds the lock, waits.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "holdfast.h"

static bool dmabuf_export;
module_param(dmabuf_export, bool, 0644);
MODULE_PARM_DESC(dmabuf_export,
		 "whether leases may be exported as dma-bufs from now on");

/* Workers may wait for importers; nothing else must wait for workers. */
static struct workqueue_struct *hf_dmabuf_wq;

struct hf_dmabuf {
	struct list_head node;	/* lease->dmabufs, under file->lock */
	struct hf_lease *lease; /* with a reference */
	struct dma_buf *dmabuf;
	pgoff_t first, last; /* in the file */
	struct work_struct work;

	/* Under the reservation lock. */
	unsigned long users; /* mappings and pins of all attachments */
	struct hf_runs runs; /* pinned */
};

/* Under the reservation lock. */
struct hf_attachment {
	unsigned int maps, pins;
};

/* -EAGAIN: not now. -ENODEV: never again. */
static int hf_dmabuf_usable(const struct hf_lease *lease)
{
	switch (READ_ONCE(lease->state)) {
	case HOLDFAST_ACTIVE:
		return 0;
	case HOLDFAST_ACQUIRING:
	case HOLDFAST_BREAKING:
	case HOLDFAST_BROKEN:
		return -EAGAIN;
	default:
		return -ENODEV;
	}
}

/*
 * Pins the pages, if the lease is active. Who ends that marks the lease first
 * and looks for busy pages then, with runs_sem held shared: so he sees these
 * pins, or they see his mark.
 */
static int hf_dmabuf_pin_pages(struct hf_dmabuf *buf)
{
	struct hf_lease *lease = buf->lease;
	struct hf_runs runs = {};
	bool room = false;
	unsigned int nr;
	int err;

	while (!room) {
		down_read(&lease->runs_sem);
		nr = lease->runs.nr;
		up_read(&lease->runs_sem);
		err = hf_runs_reserve(&runs, nr);
		if (err)
			goto free;
		down_write(&lease->runs_sem);
		err = hf_dmabuf_usable(lease);
		/* A restore may have exchanged the list meanwhile. */
		room = err || lease->runs.nr <= nr;
		if (!err && room)
			err = hf_runs_pin(&runs, &lease->runs, buf->first,
					  buf->last);
		up_write(&lease->runs_sem);
	}
	if (err)
		goto free;
	buf->runs = runs;
	return 0;

free:
	hf_runs_free(&runs);
	return err;
}

static void hf_dmabuf_unpin_pages(struct hf_dmabuf *buf)
{
	hf_runs_unpin(&buf->runs);
	hf_runs_free(&buf->runs);
}

/* Whether pins are left that only fences keep. */
static bool hf_dmabuf_lingers(const struct hf_dmabuf *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);
	return !buf->users && buf->runs.nr;
}

/* Takes a use of the pages. */
static int hf_dmabuf_use(struct hf_dmabuf *buf)
{
	int err;

	dma_resv_assert_held(buf->dmabuf->resv);
	if (buf->runs.nr)
		err = hf_dmabuf_usable(buf->lease);
	else
		err = hf_dmabuf_pin_pages(buf);
	if (!err)
		buf->users++;
	return err;
}

static void hf_dmabuf_unuse(struct hf_dmabuf *buf)
{
	dma_resv_assert_held(buf->dmabuf->resv);
	if (--buf->users)
		return;
	if (dma_resv_test_signaled(buf->dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP))
		hf_dmabuf_unpin_pages(buf);
	else
		queue_work(hf_dmabuf_wq, &buf->work);
}

/*
 * Before importers were told by a callback of that name (7.1) a pinned one was
 * not to be asked at all, and without CONFIG_DMABUF_MOVE_NOTIFY the core pins
 * for every mapping.
 */
static bool hf_importer_may_be_told(const struct hf_attachment *own)
{
	unsigned int pins = own->pins;

	if (HF_TELL_PINNED_IMPORTERS)
		return true;
	if (!IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY))
		pins -= own->maps;
	return !pins;
}

/* What dma_buf_move_notify() does, now dma_buf_invalidate_mappings(). */
static void hf_dmabuf_tell(struct hf_dmabuf *buf)
{
	struct dma_buf_attachment *attach;

	dma_resv_assert_held(buf->dmabuf->resv);
	list_for_each_entry(attach, &buf->dmabuf->attachments, node) {
		if (attach->importer_ops &&
		    attach->importer_ops->HF_MOVE_NOTIFY &&
		    hf_importer_may_be_told(attach->priv))
			attach->importer_ops->HF_MOVE_NOTIFY(attach);
	}
}

static void hf_dmabuf_work(struct work_struct *work)
{
	struct hf_dmabuf *buf = container_of(work, struct hf_dmabuf, work);
	struct dma_resv *resv = buf->dmabuf->resv;
	bool lingers;

	dma_resv_lock(resv, NULL);
	if (hf_dmabuf_usable(buf->lease))
		hf_dmabuf_tell(buf);
	lingers = hf_dmabuf_lingers(buf);
	dma_resv_unlock(resv);
	if (!lingers)
		return;

	dma_resv_wait_timeout(resv, DMA_RESV_USAGE_BOOKKEEP, false,
			      MAX_SCHEDULE_TIMEOUT);
	dma_resv_lock(resv, NULL);
	if (hf_dmabuf_lingers(buf)) {
		if (dma_resv_test_signaled(resv, DMA_RESV_USAGE_BOOKKEEP))
			hf_dmabuf_unpin_pages(buf);
		else
			queue_work(hf_dmabuf_wq, &buf->work);
	}
	dma_resv_unlock(resv);
}

/**
 * hf_dmabuf_notify - a lease stops being active
 * @lease: marked so; its file->lock is held
 *
 * Dynamic importers of its dma-bufs are asked to let go, some time soon.
 */
void hf_dmabuf_notify(struct hf_lease *lease)
{
	struct hf_dmabuf *buf;

	lockdep_assert_held(&lease->file->lock);
	list_for_each_entry(buf, &lease->dmabufs, node)
		queue_work(hf_dmabuf_wq, &buf->work);
}

/*
 * Who imports a lease is a holder, as who maps it: he is killed when his
 * mapping is left at the deadline. So the same people may.
 */
static int hf_dmabuf_attach(struct dma_buf *dmabuf,
			    struct dma_buf_attachment *attach)
{
	struct hf_dmabuf *buf = dmabuf->priv;
	struct hf_lease *lease = buf->lease;
	struct hf_attachment *own;
	int usable, err;

	if (!current->mm || !hf_may_map(lease))
		return -EPERM;
	err = wait_event_interruptible(lease->file->wait,
				       (usable = hf_dmabuf_usable(lease)) !=
					       -EAGAIN);
	if (err || usable)
		return err ?: usable;
	own = kzalloc(sizeof(*own), GFP_KERNEL_ACCOUNT);
	if (!own)
		return -ENOMEM;
	err = hf_mapper_add(lease, current->mm, task_tgid(current), HF_MAPS,
			    GFP_KERNEL_ACCOUNT);
	if (err) {
		kfree(own);
		return err;
	}
	attach->priv = own;
	return 0;
}

static void hf_dmabuf_detach(struct dma_buf *dmabuf,
			     struct dma_buf_attachment *attach)
{
	kfree(attach->priv);
}

static int hf_dmabuf_pin(struct dma_buf_attachment *attach)
{
	struct hf_attachment *own = attach->priv;
	int err = hf_dmabuf_use(attach->dmabuf->priv);

	if (!err)
		own->pins++;
	return err;
}

static void hf_dmabuf_unpin(struct dma_buf_attachment *attach)
{
	struct hf_attachment *own = attach->priv;

	own->pins--;
	hf_dmabuf_unuse(attach->dmabuf->priv);
}

/* How many bytes one entry of a scatter list may have. */
static unsigned int hf_sg_limit(struct device *dev)
{
	size_t limit = min_t(size_t, dma_get_max_seg_size(dev),
			     dma_max_mapping_size(dev));

	return clamp_t(size_t, limit, PAGE_SIZE, UINT_MAX) & PAGE_MASK;
}

static struct sg_table *hf_sg_make(const struct hf_runs *runs,
				   unsigned int limit)
{
	struct sg_table *sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	u64 entries = 0, left;
	struct scatterlist *sg;
	unsigned int i;

	if (!sgt)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < runs->nr; i++)
		entries += DIV_ROUND_UP_ULL(
			(u64)hf_run_pages(runs, i) << PAGE_SHIFT, limit);
	if (entries > UINT_MAX || sg_alloc_table(sgt, entries, GFP_KERNEL)) {
		kfree(sgt);
		return ERR_PTR(-ENOMEM);
	}
	sg = sgt->sgl;
	for (i = 0; i < runs->nr; i++) {
		unsigned long pfn = hf_run(runs, i)->pfn;
		unsigned int part;

		left = (u64)hf_run_pages(runs, i) << PAGE_SHIFT;
		for (; left; left -= part, pfn += part >> PAGE_SHIFT) {
			part = min_t(u64, left, limit);
			sg_set_page(sg, pfn_to_page(pfn), part, 0);
			sg = sg_next(sg);
		}
	}
	return sgt;
}

static void hf_sg_free(struct sg_table *sgt)
{
	sg_free_table(sgt);
	kfree(sgt);
}

static struct sg_table *hf_dmabuf_map(struct dma_buf_attachment *attach,
				      enum dma_data_direction direction)
{
	struct hf_dmabuf *buf = attach->dmabuf->priv;
	struct hf_attachment *own = attach->priv;
	struct sg_table *sgt;
	int err;

	err = hf_dmabuf_use(buf);
	if (err)
		return ERR_PTR(err);
	sgt = hf_sg_make(&buf->runs, hf_sg_limit(attach->dev));
	if (IS_ERR(sgt)) {
		err = PTR_ERR(sgt);
		goto unuse;
	}
	err = dma_map_sgtable(attach->dev, sgt, direction, 0);
	if (err)
		goto free_sg;
	own->maps++;
	return sgt;

free_sg:
	hf_sg_free(sgt);
unuse:
	hf_dmabuf_unuse(buf);
	return ERR_PTR(err);
}

static void hf_dmabuf_unmap(struct dma_buf_attachment *attach,
			    struct sg_table *sgt,
			    enum dma_data_direction direction)
{
	struct hf_attachment *own = attach->priv;

	dma_unmap_sgtable(attach->dev, sgt, direction, 0);
	hf_sg_free(sgt);
	own->maps--;
	hf_dmabuf_unuse(attach->dmabuf->priv);
}

/* Importers keep the dma-buf for as long as they use it, so nothing waits here. */
static void hf_dmabuf_release(struct dma_buf *dmabuf)
{
	struct hf_dmabuf *buf = dmabuf->priv;
	struct hf_lease *lease = buf->lease;

	spin_lock(&lease->file->lock);
	list_del(&buf->node);
	spin_unlock(&lease->file->lock);
	cancel_work_sync(&buf->work);
	hf_dmabuf_unpin_pages(buf);
	hf_lease_put(lease);
	kfree(buf);
}

/*
 * No access by the CPU: it has the lease's own mapping for that, which a break
 * can empty.
 */
static const struct dma_buf_ops hf_dmabuf_ops = {
	.attach = hf_dmabuf_attach,
	.detach = hf_dmabuf_detach,
	.pin = hf_dmabuf_pin,
	.unpin = hf_dmabuf_unpin,
	.map_dma_buf = hf_dmabuf_map,
	.unmap_dma_buf = hf_dmabuf_unmap,
	.release = hf_dmabuf_release,
};

static struct dma_buf *hf_dmabuf_new(struct hf_lease *lease, pgoff_t first,
				     pgoff_t last)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct hf_dmabuf *buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	struct dma_buf *dmabuf;

	if (!buf)
		return ERR_PTR(-ENOMEM);
	kref_get(&lease->kref);
	buf->lease = lease;
	buf->first = first;
	buf->last = last;
	INIT_LIST_HEAD(&buf->node);
	INIT_WORK(&buf->work, hf_dmabuf_work);
	info.ops = &hf_dmabuf_ops;
	info.size = (u64)(last - first + 1) << PAGE_SHIFT;
	info.flags = O_RDWR;
	info.priv = buf;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		hf_lease_put(lease);
		kfree(buf);
		return dmabuf;
	}
	/* From here on buf is the dma-buf's. */
	buf->dmabuf = dmabuf;
	spin_lock(&lease->file->lock);
	list_add_tail(&buf->node, &lease->dmabufs);
	spin_unlock(&lease->file->lock);
	return dmabuf;
}

/*
 * HOLDFAST_IOC_EXPORT_DMABUF; the errors are in the ABI header. Returns a
 * descriptor.
 */
int hf_dmabuf_export(struct hf_lease *lease,
		     const struct holdfast_export_dmabuf *args)
{
	struct dma_buf *dmabuf;
	pgoff_t first, pages;
	u64 end;
	int ret;

	if (args->flags || !args->length || !PAGE_ALIGNED(args->offset) ||
	    !PAGE_ALIGNED(args->length))
		return -EINVAL;
	if (!hf_lease_bound(lease) || hf_dmabuf_usable(lease) == -ENODEV)
		return -EBADFD;
	if (!READ_ONCE(dmabuf_export) || lease->backing != HF_DAX)
		return -EOPNOTSUPP;
	if (!hf_may_map(lease))
		return -EPERM;
	pages = lease->asked_last - lease->range.start + 1;
	if (check_add_overflow(args->offset, args->length, &end) ||
	    end > (u64)pages << PAGE_SHIFT)
		return -ENXIO;

	/* Who lets others in answers for them, at the deadline. */
	ret = hf_mapper_add(lease, current->mm, task_tgid(current), HF_MAPS,
			    GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	first = lease->range.start + (args->offset >> PAGE_SHIFT);
	dmabuf = hf_dmabuf_new(lease, first,
			       first + (args->length >> PAGE_SHIFT) - 1);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (ret < 0)
		dma_buf_put(dmabuf);
	return ret;
}

int hf_dmabuf_init(void)
{
	hf_dmabuf_wq = alloc_workqueue("holdfast-dmabuf", WQ_UNBOUND, 0);
	return hf_dmabuf_wq ? 0 : -ENOMEM;
}

void hf_dmabuf_exit(void)
{
	destroy_workqueue(hf_dmabuf_wq);
}

HF_IMPORT_DMA_BUF();
