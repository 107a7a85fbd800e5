/* Names that must never collide and never change: all derived by BLAKE2b from what they name. */
#ifndef AFTERCARE_IO_IDENT_H
#define AFTERCARE_IO_IDENT_H

#include <stdint.h>

#include "common/base/str.h"

#define IDENT_BYTES 16
struct ident {
	unsigned char bytes[IDENT_BYTES];
};

/* 128 bits of (CloudEvents source, id): the key by which repeats are known. */
struct ident ident_claim(struct str source, struct str id);
/* The ticket that a first claim opens: "AC-7K2M-0931-X4QT-9RBD", Crockford base 32 of 80 bits of its ident_claim, the last
 * two digits moved on until its lane is the partition of the claim's id: all that the customer's side says of a ticket
 * has that id as its key, so one partition of the input is one lane of the log. At most IDENT_TICKET bytes with terminator. */
#define IDENT_TICKET 24
struct str ident_ticket(const struct ident *claim, struct str id, int32_t lanes, char text[static IDENT_TICKET]);
/* All of it but those two digits: what is known of it without the number of lanes. */
#define IDENT_TICKET_PREFIX 20
/* Id of a fact: UUID-shaped (version 8), from what caused it and which of its facts this is. Deterministic, so that a
 * batch done again says the same. At most IDENT_EVENT bytes with terminator. */
#define IDENT_EVENT 37
struct str ident_event(struct str writer, struct str cause, int64_t ordinal, char text[static IDENT_EVENT]);

/* A name for somebody that only holders of the secret can make: the same value and secret give the same 32 hexadecimal
 * digits, and without the secret nothing can be told from them. The secret has 16 bytes or more. At most
 * IDENT_PSEUDONYM bytes with terminator. */
#define IDENT_PSEUDONYM 33
struct str ident_pseudonym(struct str secret, struct str value, char text[static IDENT_PSEUDONYM]);

#endif
