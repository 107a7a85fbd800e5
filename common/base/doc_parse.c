/* The JSON parser: bytes to the flat array of nodes that doc.h describes. The hot path of every daemon.
 *
 * One pass from left to right. Open containers are a chain through the nodes' own `end` members, so depth costs no
 * stack: a text of a quarter million brackets is as harmless as any other.
 * Must never recurse, never read behind the text (it has no terminator), and never quote its strings in a fault,
 * because they may be personal data. */
#include <string.h>

#include "common/base/doc_inner.h"

#define NONE UINT32_MAX

struct parser {
	const char *p;
	const char *end;
	struct doc_node *nodes;
	uint32_t count;
	uint32_t open;      /* innermost open container or NONE; its parent is in its `end` for as long */
	uint32_t depth;     /* of the next value */
	size_t capacity;
	struct str text;
	struct arena *arena;
	const char *wrong;  /* what is wrong at `p`, once something is */
};

static bool refuse(struct parser *parser, const char *at, const char *wrong)
{
	parser->p = at;
	parser->wrong = wrong;
	return false;
}

static inline void skip_space(struct parser *parser)
{
	const char *p = parser->p;

	while (p < parser->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	parser->p = p;
}

static inline bool is_digit(const char *p, const char *end)
{
	return p < end && *p >= '0' && *p <= '9';
}

static inline struct doc_node *add_node(struct parser *parser, enum doc_type type, const char *start)
{
	struct doc_node *node;

	if (parser->count == parser->capacity)
		arena_grow(parser->arena, &parser->nodes, &parser->capacity, parser->capacity + 1,
			   sizeof(*parser->nodes));
	node = &parser->nodes[parser->count++];
	*node = (struct doc_node){ .type = (uint8_t)type,
				   .depth = parser->depth,
				   .start = (uint32_t)(start - parser->text.p),
				   .end = parser->count };
	return node;
}

/* First byte from p on that a string cannot simply contain: quote, backslash, control character, or >= 0x80. */
static inline const char *plain_run(const char *p, const char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	const uint64_t ones = UINT64_C(0x0101010101010101);
	const uint64_t highs = UINT64_C(0x8080808080808080);

	while (end - p >= 8) {
		uint64_t word;
		uint64_t quote;
		uint64_t slash;
		uint64_t hits;

		memcpy(&word, p, 8);
		quote = word ^ ones * '"';
		slash = word ^ ones * '\\';
		/* A borrow can raise a false hit only above a true one, and the lowest is all that counts. */
		hits = ((quote - ones) | (slash - ones) | (word - ones * ' ') | word) & highs;
		/* A byte >= 0x80 is a hit anyway, so the usual "& ~word" of the three is not needed. */
		if (hits)
			return p + (__builtin_ctzll(hits) >> 3);
		p += 8;
	}
#endif
	while (p < end && (unsigned char)*p >= ' ' && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* The value of four hexadecimal digits at p; -1 when they are not. */
static int32_t hex4(const char *p, const char *end)
{
	int32_t value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value * 16 + ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* parser->p at a backslash; moves it behind the escape. */
static bool scan_escape(struct parser *parser)
{
	const char *p = parser->p;
	const char *end = parser->end;
	int32_t unit;

	if (end - p < 2)
		return refuse(parser, end, "the text ends inside a string");
	if (p[1] != 'u') {
		if (!memchr("\"\\/bfnrt", p[1], 8))
			return refuse(parser, p, "an unknown escape in a string");
		parser->p = p + 2;
		return true;
	}
	unit = hex4(p + 2, end);
	if (unit < 0)
		return refuse(parser, p, "\\u without four hexadecimal digits");
	if (unit == 0)
		return refuse(parser, p, "U+0000 in a string");
	parser->p = p + 6;
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	if (unit < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
		int32_t low = hex4(p + 8, end);

		if (low >= 0xdc00 && low <= 0xdfff) {
			parser->p = p + 12;
			return true;
		}
	}
	return refuse(parser, p, "a lone surrogate in a string");
}

/* parser->p at the opening quote; adds the node and moves behind the closing one. */
static inline bool scan_string(struct parser *parser, bool is_key)
{
	struct doc_node *node = add_node(parser, DOC_STRING, parser->p + 1);
	const char *start = ++parser->p;

	node->is_key = is_key;
	for (;;) {
		const char *p = plain_run(parser->p, parser->end);

		parser->p = p;
		if (p == parser->end)
			return refuse(parser, p, "the text ends inside a string");
		if (*p == '"')
			break;
		if (*p == '\\') {
			node->escaped = true;
			if (!scan_escape(parser))
				return false;
		} else if ((unsigned char)*p >= 0x80) {
			parser->p = str_utf8_run(p, parser->end);
			if (parser->p == p)
				return refuse(parser, p, "invalid UTF-8 in a string");
		} else {
			return refuse(parser, p, *p ? "a control character in a string" : "U+0000 in a string");
		}
	}
	node->length = (uint32_t)(parser->p - start);
	parser->p++;
	return true;
}

static inline bool scan_number(struct parser *parser)
{
	const char *start = parser->p;
	const char *end = parser->end;
	const char *p = start + (*start == '-');

	if (!is_digit(p, end))
		return refuse(parser, p, "a number without digits");
	if (*p == '0' && is_digit(p + 1, end))
		return refuse(parser, p, "a number with a leading zero");
	while (is_digit(p, end))
		p++;
	if (p < end && *p == '.') {
		if (!is_digit(++p, end))
			return refuse(parser, p, "a number without digits behind its point");
		while (is_digit(p, end))
			p++;
	}
	if (p < end && (*p | 0x20) == 'e') {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (!is_digit(p, end))
			return refuse(parser, p, "a number without digits in its exponent");
		while (is_digit(p, end))
			p++;
	}
	add_node(parser, DOC_NUMBER, start)->length = (uint32_t)(p - start);
	parser->p = p;
	return true;
}

static bool scan_word(struct parser *parser, enum doc_type type, const char *word, size_t n)
{
	if ((size_t)(parser->end - parser->p) < n || memcmp(parser->p, word, n) != 0)
		return refuse(parser, parser->p, "expected a value");
	add_node(parser, type, parser->p)->length = (uint32_t)n;
	parser->p += n;
	return true;
}

/* A value is complete: closes the key before it, too. */
static inline void finish_value(struct parser *parser, uint32_t value)
{
	if (value > 0 && parser->nodes[value - 1].is_key)
		parser->nodes[value - 1].end = parser->count;
}

static inline bool check_keys(struct parser *parser, uint32_t object)
{
	struct doc doc = { parser->text, parser->nodes, parser->count };
	uint32_t key = doc_keys_repeated(&doc, object, parser->arena);

	/* Its name is left out: keys are the sender's text, too. */
	return key == 0 || refuse(parser, parser->text.p + parser->nodes[key].start - 1, "a duplicate key in an object");
}

/* parser->p at the innermost container's closing bracket. */
static inline bool close_container(struct parser *parser)
{
	uint32_t container = parser->open;
	struct doc_node *node = &parser->nodes[container];

	if (node->type == DOC_OBJECT && node->count > 1 && !check_keys(parser, container))
		return false;
	parser->p++;
	parser->open = node->end;
	parser->depth--;
	node->end = parser->count;
	node->length = (uint32_t)(parser->p - parser->text.p) - node->start;
	finish_value(parser, container);
	return true;
}

static inline void open_container(struct parser *parser, enum doc_type type)
{
	add_node(parser, type, parser->p)->end = parser->open;
	parser->open = parser->count - 1;
	parser->depth++;
	parser->p++;
}

static inline bool is_closing(const struct parser *parser)
{
	return parser->p < parser->end && *parser->p == (parser->nodes[parser->open].type == DOC_OBJECT ? '}' : ']');
}

/* "key": with the colon. */
static inline bool scan_key(struct parser *parser)
{
	if (parser->p == parser->end || *parser->p != '"')
		return refuse(parser, parser->p, "expected a key in quotes");
	if (!scan_string(parser, true))
		return false;
	skip_space(parser);
	if (parser->p == parser->end || *parser->p != ':')
		return refuse(parser, parser->p, "expected a colon behind a key");
	parser->p++;
	skip_space(parser);
	return true;
}

/* A scalar, or the opening of a container. */
static inline bool scan_value(struct parser *parser)
{
	bool good;

	if (parser->p == parser->end)
		return refuse(parser, parser->p, "the text ends where a value is expected");
	switch (*parser->p) {
	case '{':
		open_container(parser, DOC_OBJECT);
		return true;
	case '[':
		open_container(parser, DOC_ARRAY);
		return true;
	case '"':
		good = scan_string(parser, false);
		break;
	case 't':
		good = scan_word(parser, DOC_TRUE, "true", 4);
		break;
	case 'f':
		good = scan_word(parser, DOC_FALSE, "false", 5);
		break;
	case 'n':
		good = scan_word(parser, DOC_NULL, "null", 4);
		break;
	case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
		good = scan_number(parser);
		break;
	default:
		return refuse(parser, parser->p, "expected a value");
	}
	if (good)
		finish_value(parser, parser->count - 1);
	return good;
}

/* The next member or element, or the end of the innermost container. `first`: it was opened just now. */
static inline bool step(struct parser *parser, bool first)
{
	bool object = parser->nodes[parser->open].type == DOC_OBJECT;

	skip_space(parser);
	if (is_closing(parser))
		return close_container(parser);
	if (!first) {
		if (parser->p == parser->end)
			return refuse(parser, parser->p, object ? "the text ends inside an object" :
								  "the text ends inside an array");
		if (*parser->p != ',')
			return refuse(parser, parser->p, object ? "expected a comma or } in an object" :
								  "expected a comma or ] in an array");
		parser->p++;
		skip_space(parser);
	}
	parser->nodes[parser->open].count++;
	return (!object || scan_key(parser)) && scan_value(parser);
}

static bool parse(struct parser *parser)
{
	if (parser->text.n >= 3 && memcmp(parser->p, "\xef\xbb\xbf", 3) == 0)
		return refuse(parser, parser->p, "a byte order mark before the value");
	skip_space(parser);
	if (parser->p == parser->end)
		return refuse(parser, parser->p, "an empty text");
	if (!scan_value(parser))
		return false;
	while (parser->open != NONE)
		/* A container without nodes behind it was opened just now. */
		if (!step(parser, parser->nodes[parser->open].count == 0))
			return false;
	skip_space(parser);
	return parser->p == parser->end || refuse(parser, parser->p, "text behind the value");
}

static enum verdict explain(const struct parser *parser, struct fault *fault)
{
	size_t line = 1;
	const char *from = parser->text.p;

	for (const char *p = from; p < parser->p; p++)
		if (*p == '\n') {
			line++;
			from = p + 1;
		}
	return fault_reject(fault, REASON_JSON_INVALID, "line %zu, byte %zu: %s", line, (size_t)(parser->p - from) + 1,
			    parser->wrong);
}

enum verdict doc_parse(struct doc *ret_doc, struct str text, struct arena *arena, struct fault *fault)
{
	struct parser parser = { .open = NONE, .depth = 1, .text = text, .arena = arena };

	if (!text.p)
		parser.text = STR("");
	/* Nodes count in 32 bits; there is never more than one to a byte. */
	if (text.n >= UINT32_MAX)
		return fault_reject(fault, REASON_JSON_INVALID, "a text of %zu bytes", text.n);
	parser.p = parser.text.p;
	parser.end = parser.p + parser.text.n;
	/* Events have a node for some 12 bytes; what is denser grows. */
	arena_grow(arena, &parser.nodes, &parser.capacity, parser.text.n / 8 + 8, sizeof(*parser.nodes));
	if (!parse(&parser))
		return explain(&parser, fault);
	*ret_doc = (struct doc){ parser.text, parser.nodes, parser.count };
	return OK;
}
