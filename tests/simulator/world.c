/* Chance, time and the trace of a run. */
#include "tests/simulator/simulator.h"

#include "common/io/journal.h"

#define WALL_BEGIN (INT64_C(1767225600) * SECOND)

struct world world;

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = world.random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t chance(int64_t n)
{
	return n > 0 ? (int64_t)(draw() % (uint64_t)n) : 0;
}

bool once_in(int64_t n)
{
	return chance(n) == 0;
}

int64_t worker_monotonic(void)
{
	return world.now;
}

instant worker_wall(void)
{
	return WALL_BEGIN + world.now + world.wall_offset;
}

static void put(const char *who, const char *format, va_list args)
{
	if (!world.trace)
		return;
	fprintf(world.trace, "%9.4f %-7s ", (double)world.now / (double)SECOND, who);
	vfprintf(world.trace, format, args);
	fputc('\n', world.trace);
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(world.current ? world.current->name : "-", format, args);
	va_end(args);
}

void violated(const char *format, ...)
{
	va_list args;

	if (world.violation[0])
		return;
	va_start(args, format);
	vsnprintf(world.violation, sizeof(world.violation), format, args);
	va_end(args);
	say("VIOLATION: %s", world.violation);
}

/* The workers' log is part of the trace. */
void journal_open(const char *identifier, enum journal_level most)
{
	(void)identifier, (void)most;
}

void journal_write(enum journal_level level, const char *const *fields, const char *format, ...)
{
	va_list args;

	(void)level, (void)fields;
	va_start(args, format);
	put(world.current ? world.current->name : "-", format, args);
	va_end(args);
}
