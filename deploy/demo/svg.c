/* A frame of the screen as an SVG picture, for the README. Every run of characters of one colour and one width is a
 * text element with its length given, so that columns stand under each other in whatever font the reader has. */
#include <string.h>

#include "deploy/demo/demo.h"

#define CELL 8.4
#define LEADING 19
#define MARGIN 14

struct run {
	struct buf text;
	int column, width, wide;   /* wide: columns of each character; 0: none yet */
	int colour;                /* as SGR says */
	bool bold;
};

static const char *style_of(const struct run *run)
{
	return run->colour == 31 ? "r" : run->colour == 32 ? "g" : run->colour == 33 ? "y" : run->bold ? "b" : "t";
}

static void flush_run(struct buf *out, struct run *run, int row)
{
	bool blank = true;

	for (size_t i = 0; i < run->text.n; i++)
		blank = blank && run->text.p[i] == ' ';
	if (!blank) {
		buf_format(out, "<text class=\"%s\" x=\"%.1f\" y=\"%d\" textLength=\"%.1f\">", style_of(run),
			MARGIN + run->column * CELL,
			   MARGIN + 14 + row * LEADING, run->width * CELL);
		for (size_t i = 0; i < run->text.n; i++) {
			char c = run->text.p[i];

			if (c == '<' || c == '>' || c == '&')
				buf_z(out, c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&amp;");
			else
				buf_char(out, c);
		}
		buf_z(out, "</text>\n");
	}
	run->column += run->width;
	run->width = run->wide = 0;
	buf_clear(&run->text);
}

/* The bytes of one character at p. */
static size_t character(const char *p, size_t left)
{
	unsigned char first = (unsigned char)*p;
	size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	return n > left ? left : n;
}

/* ESC [ n m at p: its bytes, and what it asks for. */
static size_t obey(struct run *run, const char *p, size_t left)
{
	size_t n = 2;
	int code = 0;

	for (; n < left && p[n] != 'm'; n++)
		code = p[n] >= '0' && p[n] <= '9' ? code * 10 + p[n] - '0' : 0;
	if (code == 0)
		run->bold = false;
	if (code == 1)
		run->bold = true;
	else
		run->colour = code;
	return n + 1;
}

static void put_line(struct buf *out, struct run *run, struct str line, int row, int columns)
{
	run->column = 0;
	for (size_t i = 0, n; i < line.n; i += n) {
		struct str one;
		int wide;

		if (line.p[i] == '\033') {
			flush_run(out, run, row);
			n = obey(run, line.p + i, line.n - i);
			continue;
		}
		n = character(line.p + i, line.n - i);
		one = (struct str){ line.p + i, n };
		wide = screen_width(one);
		/* Two blanks part texts, so that none is stretched over a gap. */
		if ((run->wide && wide != run->wide) || (run->text.n && line.p[i] != ' '
				&& run->text.p[run->text.n - 1] == ' '))
			flush_run(out, run, row);
		if (run->column + run->width + wide > columns)
			break;
		buf_str(&run->text, one);
		run->wide = wide;
		run->width += wide;
	}
	flush_run(out, run, row);
}

bool svg_write(const char *path, struct str frame, int columns, const char *title)
{
	struct buf out = { 0 }, body = { 0 };
	struct run run = { 0 };
	int rows = 0;
	FILE *file;
	bool good;

	while (frame.n > 0)
		put_line(&body, &run, str_cut(&frame, '\n'), rows++, columns);
	buf_format(&out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%d\" role=\"img\" aria-label=\"%s\">\n"
		   "<style>text{font:14px 'DejaVu Sans Mono','Noto Sans Mono CJK SC',Menlo,Consolas,monospace;white-space:pre}"
		   ".t{fill:#d6dbe0}.b{fill:#ffffff;font-weight:bold}.r{fill:#ff6b68}.g{fill:#6fc276}.y{fill:#e5c158}</style>\n"
		   "<rect width=\"100%%\" height=\"100%%\" rx=\"8\" fill=\"#16191d\"/>\n", 2 * MARGIN + columns * CELL,
		   2 * MARGIN + rows * LEADING, title);
	buf_str(&out, buf_view(&body));
	buf_z(&out, "</svg>\n");
	file = fopen(path, "we");
	good = file && fwrite(out.p, 1, out.n, file) == out.n;
	good = file && fclose(file) == 0 && good;
	buf_done(&run.text);
	buf_done(&body);
	buf_done(&out);
	return good;
}
