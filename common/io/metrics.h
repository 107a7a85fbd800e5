/* /metrics (Prometheus text) and /healthz (200, 503) of a daemon: libmicrohttpd, served inside the caller's loop, no
 * thread. GET only, at most 16 connections, each for one answer. */
#ifndef AFTERCARE_IO_METRICS_H
#define AFTERCARE_IO_METRICS_H

#include "common/base/fault.h"
#include "common/base/str.h"

struct metrics;

/* Listens on "127.0.0.1:9100" (or "[::1]:9100"). `render` writes the text of /metrics; `healthy` answers /healthz.
 * FATAL when the address is wrong or in use. */
enum verdict metrics_new(const char *listen, void (*render)(void *userdata, struct buf *out),
			 bool (*healthy)(void *userdata), void *userdata, struct metrics **ret_metrics,
			 struct fault *fault) must_check;
/* The epoll fd to wait for; call metrics_serve when it is readable and at least once a second. */
int metrics_fd(const struct metrics *metrics);
void metrics_serve(struct metrics *metrics);
void metrics_free(struct metrics *metrics);

/* One sample line: name{label="value"} number, with HELP and TYPE before the first of its name; label may be NULL.
 * Lines of one name must follow each other. Type "histogram": name ends in _bucket (label "le"), _sum or _count. */
void metrics_line(struct buf *out, const char *name, const char *type, const char *help, const char *label,
		  const char *value, double number);

#endif
