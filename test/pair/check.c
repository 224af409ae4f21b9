// SPDX-License-Identifier: GPL-2.0
/*
 * check FILE RECORD last|least|kept: compare the blocks of a file with a record (blocks.h).
 *   last   a block has the recorded write
 *   least  for after a power cut: each word is of the recorded write or of a later one
 *   kept   the same, of a file that has been changed meanwhile
 *
 * Prints "blocks N written N wrong N". Exit status 1: some are wrong.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blocks.h"

static uint64_t count;

static bool has_last(const uint64_t *words, uint64_t block, uint64_t number)
{
	(void)block;
	return block_is(words, number);
}

static bool has_least(const uint64_t *words, uint64_t block, uint64_t number)
{
	for (size_t i = 0; i < BLOCK / sizeof(*words); i++)
		if (words[i] < number ||
		    (words[i] && words[i] % count != block))
			return false;
	return true;
}

static bool has_kept(const uint64_t *words, uint64_t block, uint64_t number)
{
	return !block_is_kept(block, count) || has_least(words, block, number);
}

static void *read_whole(const char *path, size_t *length)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *data;

	if (fd < 0 || fstat(fd, &st))
		err(2, "%s", path);
	data = malloc(st.st_size);
	if (!data || read(fd, data, st.st_size) != st.st_size)
		err(2, "%s", path);
	close(fd);
	*length = st.st_size;
	return data;
}

int main(int argc, char **argv)
{
	size_t length, record_length, written = 0, wrong = 0;
	bool (*is_right)(const uint64_t *words, uint64_t block,
			 uint64_t number);
	uint64_t *record;
	char *file;

	if (argc != 4)
		errx(2, "usage: check FILE RECORD last|least|kept");
	is_right = !strcmp(argv[3], "last")    ? has_last
		   : !strcmp(argv[3], "least") ? has_least
					       : has_kept;
	file = read_whole(argv[1], &length);
	record = read_whole(argv[2], &record_length);
	count = record_length / sizeof(*record);
	if (length < count * BLOCK)
		errx(2, "%s: not of %s", argv[2], argv[1]);
	for (uint64_t block = 0; block < count; block++) {
		const uint64_t *words = (uint64_t *)(file + block * BLOCK);

		written += record[block] != 0;
		if (!record[block] || is_right(words, block, record[block]))
			continue;
		if (!wrong++)
			fprintf(stderr,
				"block %ju has %ju, the record has %ju\n",
				(uintmax_t)block, (uintmax_t)words[0],
				(uintmax_t)record[block]);
	}
	printf("blocks %ju written %zu wrong %zu\n", (uintmax_t)count, written,
	       wrong);
	return wrong ? 1 : 0;
}
