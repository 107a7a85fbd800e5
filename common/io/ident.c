/* Derived names: ticket ids, fact ids, the key of a claim and pseudonyms, all from BLAKE2b so that a batch done again says the same.
 *
 * Every part that is hashed is preceded by its length, so that ("ab", "c") and ("a", "bc") differ, and every kind of
 * name has its own key, so that the same parts never give one name for two things. These values leave the process and
 * stand in databases: the bytes that are hashed here must never change. */
#include "common/io/ident.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "common/base/hash.h"

static void hash_part(crypto_generichash_state *state, struct str part)
{
	unsigned char length[8];

	for (size_t i = 0; i < sizeof(length); i++)
		length[i] = (unsigned char)((uint64_t)part.n >> (8 * i));
	(void)crypto_generichash_update(state, length, sizeof(length));
	if (part.n > 0)
		(void)crypto_generichash_update(state, (const unsigned char *)part.p, part.n);
}

static struct ident hash_parts(const char *domain, const struct str *parts, size_t count)
{
	crypto_generichash_state state;
	struct ident ident;
	int bad;

	bad = crypto_generichash_init(&state, (const unsigned char *)domain, strlen(domain), IDENT_BYTES);
	assert(bad == 0); /* only for sizes that are constants here */
	for (size_t i = 0; i < count; i++)
		hash_part(&state, parts[i]);
	bad = crypto_generichash_final(&state, ident.bytes, IDENT_BYTES);
	assert(bad == 0);
	(void)bad;
	return ident;
}

/* A key must have 16 bytes or more (crypto_generichash_KEYBYTES_MIN). */
struct ident ident_claim(struct str source, struct str id)
{
	const struct str parts[] = { source, id };

	return hash_parts("aftercare claim 1", parts, array_count(parts));
}

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct str ident_ticket(const struct ident *claim, struct str id, int32_t lanes, char text[static IDENT_TICKET])
{
	int32_t wanted = hash_partition(id, lanes);
	unsigned end;
	char *p = text;

	/* 80 bits are 16 digits of five bits, from the most significant on. */
	*p++ = 'A';
	*p++ = 'C';
	for (unsigned i = 0; i < 16; i++) {
		unsigned bit = i * 5, byte = bit / 8;
		unsigned pair = (unsigned)claim->bytes[byte] << 8 | claim->bytes[byte + 1];

		if (i % 4 == 0)
			*p++ = '-';
		*p++ = digits[pair >> (11 - bit % 8) & 31];
	}
	*p = '\0';
	struct str ticket = { text, (size_t)(p - text) };

	/* One in `lanes` fits. With so many lanes that none of the 1,024 does, any lane is as good. */
	end = (unsigned)claim->bytes[8] << 8 | claim->bytes[9];
	for (unsigned i = 0; i < 1024 && hash_partition(ticket, lanes) != wanted; i++) {
		end++;
		p[-2] = digits[end >> 5 & 31];
		p[-1] = digits[end & 31];
	}
	return ticket;
}

struct str ident_event(struct str writer, struct str cause, int64_t ordinal, char text[static IDENT_EVENT])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char number[8];
	char *p = text;

	for (size_t i = 0; i < sizeof(number); i++)
		number[i] = (unsigned char)((uint64_t)ordinal >> (8 * i));
	const struct str parts[] = { writer, cause, { (const char *)number, sizeof(number) } };
	struct ident ident = hash_parts("aftercare fact 1", parts, array_count(parts));

	ident.bytes[6] = (unsigned char)(0x80 | (ident.bytes[6] & 0x0f)); /* version 8: our own making */
	ident.bytes[8] = (unsigned char)(0x80 | (ident.bytes[8] & 0x3f)); /* the RFC's variant */
	for (unsigned i = 0; i < IDENT_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[ident.bytes[i] >> 4];
		*p++ = hex[ident.bytes[i] & 15];
	}
	*p = '\0';
	return (struct str){ text, (size_t)(p - text) };
}

struct str ident_pseudonym(struct str secret, struct str value, char text[static IDENT_PSEUDONYM])
{
	unsigned char key[crypto_generichash_KEYBYTES];
	unsigned char hash[IDENT_BYTES];
	int bad;

	/* A key of the right size from a secret of any, for this use only. */
	bad = crypto_generichash(key, sizeof(key), (const unsigned char *)secret.p, secret.n,
				 (const unsigned char *)"aftercare pseudonym 1", strlen("aftercare pseudonym 1"));
	assert(bad == 0);
	bad = crypto_generichash(hash, sizeof(hash), (const unsigned char *)value.p, value.n, key, sizeof(key));
	assert(bad == 0);
	(void)bad;
	sodium_memzero(key, sizeof(key));
	sodium_bin2hex(text, IDENT_PSEUDONYM, hash, sizeof(hash));
	return (struct str){ text, IDENT_PSEUDONYM - 1 };
}
