#include "common/base/pace.h"

#include <stdlib.h>

#define RATE_MIN 0.01
#define RATE_MAX 100000.0

static bool rate_parse(struct str text, double *ret)
{
	char copy[24], *end;
	double rate;

	if (text.n == 0 || text.n >= sizeof(copy))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if ((text.p[i] < '0' || text.p[i] > '9') && text.p[i] != '.')
			return false;
		copy[i] = text.p[i];
	}
	copy[text.n] = 0;
	rate = strtod(copy, &end);
	if (*end || !(rate >= RATE_MIN) || rate > RATE_MAX)
		return false;
	*ret = rate;
	return true;
}

bool pace_parse(struct str text, struct pace *ret)
{
	struct str real = str_cut(&text, ' '), simulated = str_cut(&text, ' ');
	struct pace pace = { 0 };

	if (real.n == 0 && !simulated.p) {
		*ret = pace;
		return true;
	}
	if (!instant_parse(real, &pace.real) || !instant_parse(simulated, &pace.simulated) || !rate_parse(text, &pace.rate))
		return false;
	*ret = pace;
	return true;
}

instant pace_at(const struct pace *pace, instant real)
{
	int64_t passed = real - pace->real;

	if (pace->rate == 0)
		return real;
	return pace->simulated + (passed < 0 ? passed : (int64_t)((double)passed * pace->rate));
}

int64_t pace_wait(const struct pace *pace, int64_t simulated_us)
{
	return pace->rate == 0 ? simulated_us : (int64_t)((double)simulated_us / pace->rate);
}
