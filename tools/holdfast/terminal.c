// SPDX-License-Identifier: GPL-2.0
/* The screen, see terminal.h: sequences that every terminal of today knows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "terminal.h"

#define ALTERNATE_SCREEN "\033[?1049h"
#define ORIGINAL_SCREEN	 "\033[?1049l"
#define HIDE_CURSOR	 "\033[?25l"
#define SHOW_CURSOR	 "\033[?25h"
#define WRAP_OFF	 "\033[?7l"
#define WRAP_ON		 "\033[?7h"
#define HOME		 "\033[H"
#define CLEAR_LINE	 "\033[K"
#define CLEAR_REST	 "\033[J"

static struct termios original;
static bool entered;

bool terminal_usable(void)
{
	const char *type = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && type &&
	       strcmp(type, "dumb");
}

void terminal_enter(void)
{
	struct termios keys;

	if (entered || tcgetattr(STDIN_FILENO, &original))
		return;
	keys = original;
	keys.c_lflag &= ~(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
	fputs(ALTERNATE_SCREEN HIDE_CURSOR WRAP_OFF, stdout);
	fflush(stdout);
	entered = true;
}

void terminal_leave(void)
{
	if (!entered)
		return;
	fputs(WRAP_ON SHOW_CURSOR ORIGINAL_SCREEN, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &original);
	entered = false;
}

void terminal_show(const char *frame)
{
	struct winsize size = { 0 };
	unsigned int rows;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row)
		size.ws_row = 24;
	fputs(HOME, stdout);
	for (rows = 1; *frame && rows < size.ws_row; rows++) {
		size_t length = strcspn(frame, "\n");

		fwrite(frame, 1, length, stdout);
		fputs(CLEAR_LINE "\n", stdout);
		frame += length + (frame[length] == '\n');
	}
	fputs(CLEAR_REST, stdout);
	if (*frame)
		fputs("...", stdout);
	fflush(stdout);
}
