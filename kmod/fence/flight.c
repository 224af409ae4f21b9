// SPDX-License-Identifier: GPL-2.0
/*
 * Files in flight: sent over a Unix socket, and not received yet.
 *
 * A file in the queue of a socket is as good as open in each process that has the
 * socket open: the process can receive the file, and keeps it open until then. The
 * file in the queue may be a socket itself. The connections that a listening socket
 * has not accepted have queues of their own.
 *
 * A receiver of a stream takes the files off a message that is still in the queue,
 * with iolock held, also while it copies to user space. So a socket with a receiver
 * at work is not searched: its files may be in the receiver's table next time. All
 * others that take a message out of the queue hold the queue's lock.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/shmem_fs.h>
#include <linux/socket.h>
#include <linux/xarray.h>
#include <net/sock.h>
#include <net/tcp_states.h>
#include "compat/unix.h"
#include "fence/flight.h"
#include "fence/process.h"

/* Sockets of which one is still to be searched. */
#define HF_FLIGHT_NEW XA_MARK_0

struct hf_flight {
	struct xarray sockets; /* files, each once, with a reference */
	hf_file_look_t look;
	const void *arg;
	bool found;
};

static struct sock *hf_unix_sock(struct file *file)
{
	struct socket *sock = sock_from_file(file);

	return sock && sock->sk && sock->sk->sk_family == AF_UNIX ? sock->sk
								  : NULL;
}

/* Whether a socket's queue may have files: what it accepts may, too. */
static bool hf_unix_has_files(const struct sock *sk)
{
	return sk->sk_state == TCP_LISTEN ||
	       atomic_read(&unix_sk(sk)->scm_stat.nr_fds);
}

/* No two files are within one. */
static unsigned long hf_flight_index(const struct file *file)
{
	return (unsigned long)file / sizeof(*file);
}

/* One more to be searched; without memory, there is a next time. Does not sleep. */
static void hf_flight_add(struct hf_flight *flight, struct file *file)
{
	unsigned long index = hf_flight_index(file);

	if (xa_insert(&flight->sockets, index, file, GFP_NOWAIT | __GFP_NOWARN))
		return;
	get_file(file);
	xa_set_mark(&flight->sockets, index, HF_FLIGHT_NEW);
}

static int hf_flight_add_socket(const void *arg, struct file *file,
				unsigned int fd)
{
	struct sock *sk = hf_unix_sock(file);

	if (sk && hf_unix_has_files(sk))
		hf_flight_add((struct hf_flight *)arg, file);
	return 0;
}

/* The files of one message. Called with its queue locked. */
static void hf_flight_message(struct hf_flight *flight, struct sk_buff *skb)
{
	struct scm_fp_list *files = hf_unix_files(skb);
	int i;

	for (i = 0; files && i < files->count && !flight->found; i++) {
		flight->found = flight->look(flight->arg, files->fp[i], 0);
		hf_flight_add_socket(flight, files->fp[i], 0);
	}
}

/* A connection in the queue of a listening socket, which is locked. */
static void hf_flight_connection(struct hf_flight *flight, struct sock *sk)
{
	struct sk_buff *skb;

	spin_lock_nested(&sk->sk_receive_queue.lock, SINGLE_DEPTH_NESTING);
	skb_queue_walk(&sk->sk_receive_queue, skb)
		hf_flight_message(flight, skb);
	spin_unlock(&sk->sk_receive_queue.lock);
}

static void hf_flight_queue(struct hf_flight *flight, struct sock *sk)
{
	struct sk_buff *skb;

	spin_lock(&sk->sk_receive_queue.lock);
	skb_queue_walk(&sk->sk_receive_queue, skb) {
		if (sk->sk_state == TCP_LISTEN)
			hf_flight_connection(flight, skb->sk);
		else
			hf_flight_message(flight, skb);
	}
	spin_unlock(&sk->sk_receive_queue.lock);
}

static void hf_flight_search(struct hf_flight *flight, struct file *file)
{
	struct sock *sk = hf_unix_sock(file);

	/* What is accepted by now is a socket of its own. */
	if (!sk || !mutex_trylock(&unix_sk(sk)->iolock))
		return;
	hf_flight_queue(flight, sk);
	mutex_unlock(&unix_sk(sk)->iolock);
}

/* Whether a receiver is at work, which keeps the socket from being searched. */
bool hf_file_is_receiving(struct file *file)
{
	struct sock *sk = hf_unix_sock(file);

	return sk && mutex_is_locked(&unix_sk(sk)->iolock);
}

/* Searches those that are there, and those that are found on the way. */
static bool hf_flight_search_all(struct hf_flight *flight)
{
	unsigned long index = 0;
	struct file *file;

	while (!flight->found && (file = xa_find(&flight->sockets, &index,
						 ULONG_MAX, HF_FLIGHT_NEW))) {
		xa_clear_mark(&flight->sockets, index, HF_FLIGHT_NEW);
		hf_flight_search(flight, file);
		index = 0;
		cond_resched();
	}
	xa_for_each(&flight->sockets, index, file)
		fput(file);
	xa_destroy(&flight->sockets);
	return flight->found;
}

/**
 * hf_process_receives - look at the files that a process can receive
 * @process: the process
 * @look: as for hf_process_files(); may not sleep
 * @arg: for @look
 *
 * Return: whether @look gave something else than 0 for one of them.
 */
bool hf_process_receives(struct task_struct *process, hf_file_look_t look,
			 const void *arg)
{
	struct hf_flight flight = { .look = look, .arg = arg };

	xa_init(&flight.sockets);
	hf_process_files(process, hf_flight_add_socket, &flight);
	return hf_flight_search_all(&flight);
}

static int __init hf_flight_is_file(const void *arg, struct file *file,
				    unsigned int fd)
{
	return file == arg;
}

/* Sends descriptor @fd of the current process. */
static int __init hf_flight_send(struct socket *from, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = {};
	struct cmsghdr *header = (struct cmsghdr *)control;
	struct kvec part = { .iov_base = "f", .iov_len = 1 };
	struct msghdr message = {
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int sent;

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	sent = kernel_sendmsg(from, &message, &part, 1, 1);
	return sent < 0 ? sent : 0;
}

/* Whether @file is found in the queue that it has been sent to. */
static int __init hf_flight_check(struct socket *to, const struct file *file)
{
	struct hf_flight flight = { .look = hf_flight_is_file, .arg = file };

	xa_init(&flight.sockets);
	if (hf_unix_has_files(to->sk))
		hf_flight_queue(&flight, to->sk);
	hf_flight_search_all(&flight);
	if (flight.found)
		return 0;
	pr_err("holdfast: a file in the queue of a socket is not found; not loading\n");
	return -EIO;
}

static int __init hf_flight_test_pair(struct socket *from, struct socket *to)
{
	struct file *file;
	int fd, err;

	err = from->ops->socketpair(from, to);
	if (err)
		return err;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = shmem_file_setup("holdfast-test", 0, HF_NO_VMA_FLAGS);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	get_file(file);
	fd_install(fd, file);
	err = hf_flight_send(from, fd) ?: hf_flight_check(to, file);
	close_fd(fd);
	fput(file);
	return err;
}

/*
 * Where a message has its files is not in all kernels' headers: see compat/unix.h. So
 * one is sent and looked for before the module relies on it.
 */
int __init hf_flight_test(void)
{
	struct socket *from, *to;
	int err;

	err = sock_create_kern(&init_net, AF_UNIX, SOCK_STREAM, 0, &from);
	/* No such sockets, nothing in flight. */
	if (err)
		return err == -EAFNOSUPPORT ? 0 : err;
	err = sock_create_kern(&init_net, AF_UNIX, SOCK_STREAM, 0, &to);
	if (!err) {
		err = hf_flight_test_pair(from, to);
		sock_release(to);
	}
	sock_release(from);
	return err;
}
