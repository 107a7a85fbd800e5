/* The live screen: drawn again in place a few times a second on the terminal's second page, never larger than the terminal.
 * On a pipe there is none; there every happening is a line of its own. */
#include <sys/ioctl.h>
#include <unistd.h>

#include "deploy/demo/demo.h"

/* A terminal's second page, without cursor, and back. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"
/* What is too long for the terminal is cut at its edge, not wrapped. */
#define CUT "\033[?7l"
#define WRAP "\033[?7h"

static int measure(struct demo *demo)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_row == 0)
		return 24;
	demo->screen.columns = size.ws_col;
	return size.ws_row;
}

static void write_out(const struct buf *text)
{
	fwrite(text->p, 1, text->n, stdout);
	fflush(stdout);
}

static void put_frame(struct buf *out, const struct buf *frame, bool in_place)
{
	for (size_t i = 0; i < frame->n; i++) {
		bool last = i + 1 == frame->n;

		if (frame->p[i] == '\n' && in_place)
			buf_z(out, "\033[K");
		/* A line end in the last row would scroll. */
		if (frame->p[i] != '\n' || !last || !in_place)
			buf_char(out, frame->p[i]);
	}
}

void show_frame(struct demo *demo)
{
	struct buf frame = { 0 }, out = { 0 };

	if (!demo->screen.terminal)
		return;
	frame_compose(demo, &demo->screen, measure(demo), &frame);
	buf_z(&out, demo->on_screen ? "\033[H" CUT : ENTER "\033[H" CUT);
	put_frame(&out, &frame, true);
	buf_z(&out, "\033[J" WRAP);
	demo->on_screen = true;
	write_out(&out);
	buf_done(&frame);
	buf_done(&out);
}

void show_end(struct demo *demo)
{
	struct buf frame = { 0 }, out = { 0 };

	if (!demo->on_screen)
		return;
	demo->on_screen = false;
	frame_compose(demo, &demo->screen, measure(demo) - 1, &frame);
	buf_z(&out, LEAVE CUT);
	put_frame(&out, &frame, false);
	buf_z(&out, WRAP);
	write_out(&out);
	buf_done(&frame);
	buf_done(&out);
}
