// SPDX-License-Identifier: MIT
/*
 * 13-checkpoint FILE: a database makes its own log shorter. An exclusive lease
 * refuses every truncate, the holder's own included. So the database ends the
 * lease, truncates, and takes a lease again; in between others can change the
 * file, and it checks that nobody has.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <holdfast.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LENGTH (8 << 20) /* of the lease: the log may grow up to this */
#define SHORT  (2 << 20)

static int lease_log(int fd)
{
	const struct hf_attr attr = { .kind = HOLDFAST_EXCLUSIVE };
	int lease = hf_acquire(fd, 0, LENGTH, &attr);

	if (lease < 0)
		errx(1, "%s", hf_error());
	return lease;
}

/* Called when nothing of the log is registered. */
static int checkpoint(int fd, int lease)
{
	struct stat st;

	if (hf_release(lease))
		errx(1, "%s", hf_error());
	if (ftruncate(fd, SHORT) || fsync(fd))
		err(1, "truncate");
	lease = lease_log(fd);
	if (fstat(fd, &st) || st.st_size != SHORT)
		errx(1, "somebody else has changed the log");
	return lease;
}

int main(int argc, char **argv)
{
	int fd, lease;

	if (argc != 2)
		errx(2, "usage: 13-checkpoint FILE");
	fd = open(argv[1], O_RDWR);
	lease = lease_log(fd);
	if (!ftruncate(fd, SHORT) || errno != ETXTBSY)
		errx(1, "the lease refuses no truncate");
	lease = checkpoint(fd, lease);
	printf("the log has %d bytes\n", SHORT);
	return hf_release(lease) ? 1 : 0;
}
