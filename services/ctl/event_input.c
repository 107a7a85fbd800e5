/* A file of events -> one event after the other, with its line.
 *
 * Must never fail: what is no JSON is handed on as it is, and the check says what is wrong with it. */
#include <string.h>

#include "services/ctl/event.h"

/* Parsed as one value up to here; a node of the parser is larger than a bracket. More must come one event a line. */
#define WHOLE_MAX (4u << 20)

static size_t count_lines(const char *from, const char *to)
{
	size_t count = 0;

	for (; from < to; from++)
		count += *from == '\n';
	return count;
}

/* The first line that is not blank, taken off the front; false at the end. */
static bool take_line(struct str *rest, size_t *line, struct str *ret_line)
{
	while (rest->p) {
		*ret_line = str_trim(str_cut(rest, '\n'));
		(*line)++;
		if (ret_line->n > 0)
			return true;
	}
	return false;
}

/* Whether the first line is a value by itself and more lines follow it. */
static bool is_lines(struct str text, struct arena *arena)
{
	struct fault ignored = FAULT_NONE;
	struct str rest = text, first, second;
	size_t line = 0;
	struct doc doc;

	if (!take_line(&rest, &line, &first) || !take_line(&rest, &line, &second))
		return false;
	/* A slip in the first line must not turn all the others into one broken text. */
	if (first.p[0] == '{' && first.p[first.n - 1] == '}' && second.p[0] == '{')
		return true;
	return first.n <= WHOLE_MAX && doc_parse(&doc, first, arena, &ignored) == OK;
}

void event_input_open(struct event_input *input, struct str text, bool bare, struct arena *arena)
{
	struct fault ignored = FAULT_NONE;

	*input = (struct event_input){ .rest = text, .text = text };
	input->lines = is_lines(text, arena);
	if (input->lines || text.n > WHOLE_MAX)
		return;
	/* Data may be an array by itself; that is wrong, and said of it as a whole. */
	if (bare || doc_parse(&input->doc, text, arena, &ignored) != OK || doc_type(&input->doc, 0) != DOC_ARRAY)
		input->doc.count = 0;
	else
		input->line = 1;
}

bool event_input_next(struct event_input *input, struct event_text *ret_text)
{
	if (input->lines) {
		ret_text->single_line = true;
		if (!take_line(&input->rest, &input->line, &ret_text->text))
			return false;
		ret_text->line = input->line;
		return true;
	}
	if (input->doc.count > 0) {
		input->element = input->element ? doc_next(&input->doc, 0, input->element) : doc_first(&input->doc, 0);
		if (input->element == 0)
			return false;
		ret_text->text = doc_raw(&input->doc, input->element);
		input->line += count_lines(input->text.p + input->counted, ret_text->text.p);
		input->counted = (size_t)(ret_text->text.p - input->text.p);
		ret_text->line = input->line;
		return true;
	}
	if (input->done)
		return false;
	input->done = true;
	ret_text->text = input->text;
	ret_text->line = 1;
	return true;
}
