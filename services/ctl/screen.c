/* What a terminal shows of a text: columns, colours, languages. Nothing that came from outside reaches a terminal but
 * through screen_put, which leaves no control character in it. Reads the environment once, in screen_init. */
#include "services/ctl/screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

struct range {
	uint32_t from, to;
};

/* Unicode's East Asian Width W and F, in blocks. */
static const struct range wide[] = {
	{ 0x1100, 0x115f }, { 0x2e80, 0x303e }, { 0x3041, 0x33ff }, { 0x3400, 0x4dbf }, { 0x4e00, 0x9fff },
	{ 0xa000, 0xa4cf }, { 0xa960, 0xa97f }, { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff }, { 0xfe10, 0xfe19 },
	{ 0xfe30, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 }, { 0x1f300, 0x1f64f }, { 0x1f900, 0x1f9ff },
	{ 0x20000, 0x3fffd },
};
/* Marks that sit upon the character before, and invisible joiners. */
static const struct range narrow[] = {
	{ 0x0300, 0x036f }, { 0x200b, 0x200f }, { 0x20d0, 0x20ff }, { 0x3099, 0x309a }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
	{ 0xfeff, 0xfeff },
};
/* What terminals obey, or what turns the direction of the text that follows. */
static const struct range obeyed[] = {
	{ 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x2028, 0x202e }, { 0x2066, 0x2069 },
};

static bool within(const struct range *ranges, size_t count, uint32_t c)
{
	for (size_t i = 0; i < count; i++)
		if (c >= ranges[i].from && c <= ranges[i].to)
			return true;
	return false;
}

/* The character at the front of *rest, which moves behind it; 0 for a byte that is no UTF-8. */
static uint32_t take(struct str *rest)
{
	static const unsigned char masks[] = { 0x7f, 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned char first = (unsigned char)*rest->p;
	size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t c = first & masks[n];

	if (n > rest->n || !str_utf8((struct str){ rest->p, n })) {
		rest->p++;
		rest->n--;
		return 0;
	}
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)rest->p[i] & 0x3f);
	rest->p += n;
	rest->n -= n;
	return c;
}

static int columns_of(uint32_t c)
{
	return within(narrow, array_count(narrow), c) ? 0 : within(wide, array_count(wide), c) ? 2 : 1;
}

int screen_width(struct str text)
{
	int width = 0;

	while (text.n > 0)
		width += columns_of(take(&text));
	return width;
}

int screen_put(struct buf *buf, struct str text, int columns)
{
	bool cut = columns > 0 && screen_width(text) > columns;
	int used = 0;

	while (text.n > 0) {
		const char *from = text.p;
		uint32_t c = take(&text);
		int width = columns_of(c);

		if (cut && used + width > columns - 1)
			break;
		if (within(obeyed, array_count(obeyed), c))
			buf_z(buf, "·");
		else
			buf_put(buf, from, (size_t)(text.p - from));
		used += width;
	}
	if (cut) {
		buf_z(buf, "…");
		used++;
	}
	return used;
}

void screen_cell(struct buf *buf, struct str text, int columns)
{
	int wanted = columns < 0 ? -columns : columns;
	int width = screen_width(text);

	for (int i = width; columns < 0 && i < wanted; i++)
		buf_char(buf, ' ');
	for (int i = screen_put(buf, text, wanted); columns > 0 && i < wanted; i++)
		buf_char(buf, ' ');
}

static const char *zone_name(const char *fallback, char *link, size_t size)
{
	const char *name = getenv("TZ");
	ssize_t n;
	char *zone;

	if (name && *name)
		return name[0] == ':' ? name + 1 : name;
	n = readlink("/etc/localtime", link, size - 1);
	if (n <= 0)
		return fallback;
	link[n] = 0;
	zone = strstr(link, "/zoneinfo/");
	return zone ? zone + strlen("/zoneinfo/") : fallback;
}

void screen_init(struct screen *screen, FILE *out)
{
	const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
	time_t now = time(NULL);
	struct tm local;
	struct winsize size;
	char link[256];
	const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");

	*screen = (struct screen){ .out = out };
	for (size_t i = 0; i < array_count(names); i++) {
		const char *value = getenv(names[i]);

		if (!value || !*value)
			continue;
		screen->chinese = strncmp(value, "zh", 2) == 0;
		break;
	}
	screen->terminal = isatty(fileno(out)) && terminal && strcmp(terminal, "dumb") != 0;
	screen->colour = screen->terminal && !(no_colour && *no_colour);
	if (screen->terminal && ioctl(fileno(out), TIOCGWINSZ, &size) == 0)
		screen->columns = size.ws_col;
	tzset();
	localtime_r(&now, &local);
	snprintf(screen->zone, sizeof(screen->zone), "%.50s (UTC%c%02ld:%02ld)", zone_name(local.tm_zone, link, sizeof(link)),
		 local.tm_gmtoff < 0 ? '-' : '+', labs(local.tm_gmtoff) / 3600, labs(local.tm_gmtoff) / 60 % 60);
}

const char *screen_word(const struct screen *screen, const char *english, const char *chinese)
{
	return screen->chinese ? chinese : english;
}

const char *screen_colour(const struct screen *screen, enum screen_colour colour)
{
	static const char *const codes[] = {
		[SCREEN_PLAIN] = "\033[0m", [SCREEN_BOLD] = "\033[1m", [SCREEN_DIM] = "\033[2m", [SCREEN_RED] = "\033[31m",
		[SCREEN_GREEN] = "\033[32m", [SCREEN_YELLOW] = "\033[33m",
	};

	return screen->colour ? codes[colour] : "";
}

static struct tm local_of(instant at)
{
	time_t seconds = (time_t)(at / SECOND - (at % SECOND < 0));
	struct tm local = { 0 };

	localtime_r(&seconds, &local);
	return local;
}

static struct str formatted(const char *format, instant at, char text[static SCREEN_TEXT])
{
	struct tm local;

	if (at == INSTANT_NONE)
		return STR("-");
	local = local_of(at);
	return (struct str){ text, strftime(text, SCREEN_TEXT, format, &local) };
}

struct str screen_when(instant at, char text[static SCREEN_TEXT])
{
	return formatted("%Y-%m-%d %H:%M:%S", at, text);
}

struct str screen_day(const struct screen *screen, instant at, char text[static SCREEN_TEXT])
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct tm local;

	if (at == INSTANT_NONE)
		return STR("-");
	local = local_of(at);
	if (screen->chinese)
		snprintf(text, SCREEN_TEXT, "%d月%d日", local.tm_mon + 1, local.tm_mday);
	else
		snprintf(text, SCREEN_TEXT, "%d %s", local.tm_mday, months[local.tm_mon]);
	return str_of(text);
}

struct str screen_clock(instant at, char text[static SCREEN_TEXT])
{
	return formatted("%H:%M:%S", at, text);
}

struct str screen_rfc3339(instant at, char text[static SCREEN_TEXT])
{
	struct str stamp = formatted("%Y-%m-%dT%H:%M:%S", at, text);
	struct tm local;

	if (at == INSTANT_NONE)
		return STR_NONE;
	local = local_of(at);
	snprintf(text + stamp.n, SCREEN_TEXT - stamp.n, "%c%02ld:%02ld", local.tm_gmtoff < 0 ? '-' : '+',
		 labs(local.tm_gmtoff) / 3600, labs(local.tm_gmtoff) / 60 % 60);
	return str_of(text);
}

instant screen_midnight(instant at)
{
	struct tm local = local_of(at);

	local.tm_hour = local.tm_min = local.tm_sec = 0;
	local.tm_isdst = -1;
	return (instant)mktime(&local) * SECOND;
}

struct str screen_length(const struct screen *screen, int64_t us, char text[static SCREEN_TEXT])
{
	const char *day = screen_word(screen, "d", "天"), *hour = screen_word(screen, "h", "小时");
	const char *minute = screen_word(screen, "min", "分"), *second = screen_word(screen, "s", "秒");
	int64_t whole;

	us = us < 0 ? -us : us;
	whole = us / SECOND;
	if (us < 10 * SECOND && us % SECOND)
		snprintf(text, SCREEN_TEXT, "%.*f %s", us < SECOND / 10 ? 3 : 1, (double)us / (double)SECOND, second);
	else if (us < MINUTE)
		snprintf(text, SCREEN_TEXT, "%lld %s", (long long)whole, second);
	else if (us < HOUR)
		snprintf(text, SCREEN_TEXT, "%lld %s %lld %s", (long long)(whole / 60), minute, (long long)(whole % 60),
			 second);
	else if (us < 2 * DAY)
		snprintf(text, SCREEN_TEXT, "%lld %s %lld %s", (long long)(whole / 3600), hour, (long long)(whole / 60 % 60),
			 minute);
	else
		snprintf(text, SCREEN_TEXT, "%lld %s %lld %s", (long long)(whole / 86400), day, (long long)(whole / 3600 % 24),
			 hour);
	return str_of(text);
}

struct str screen_number(int64_t number, char text[static SCREEN_TEXT])
{
	char plain[24];
	int n = snprintf(plain, sizeof(plain), "%lld", (long long)number);
	size_t used = 0;

	for (int i = 0; i < n; i++) {
		if (i > 0 && plain[i - 1] != '-' && (n - i) % 3 == 0)
			text[used++] = ',';
		text[used++] = plain[i];
	}
	text[used] = 0;
	return (struct str){ text, used };
}

instant screen_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (instant)now.tv_sec * SECOND + now.tv_nsec / 1000;
}
