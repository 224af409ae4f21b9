// SPDX-License-Identifier: GPL-2.0
/* Which word was meant? The one that the fewest edits make of the typed one. */
#include <string.h>

#include "suggest.h"

#define LONGEST 32

/* Levenshtein's distance of two words shorter than LONGEST. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[LONGEST + 1];
	size_t b_length = strlen(b);

	for (size_t j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned int change = diagonal + (a[i - 1] != b[j - 1]);
			unsigned int insert = row[j - 1] + 1;
			unsigned int delete = row[j] + 1;

			diagonal = row[j];
			row[j] = change;
			if (insert < row[j])
				row[j] = insert;
			if (delete < row[j])
				row[j] = delete;
		}
	}
	return row[b_length];
}

const char *suggest(const char *typed, const char *const *names, size_t count)
{
	const char *best = NULL;
	unsigned int least = 3;

	if (strlen(typed) >= LONGEST)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		unsigned int edits;

		if (strlen(names[i]) >= LONGEST)
			continue;
		edits = distance(typed, names[i]);
		/* Not by writing the word anew: "xy" is not meant as "ls". */
		if (edits < least && edits < strlen(names[i])) {
			least = edits;
			best = names[i];
		}
	}
	return best;
}
