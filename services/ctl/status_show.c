/* status, the showing half: a table for a person and the same as JSON. Decides nothing. */
#include <string.h>

#include "common/base/doc.h"
#include "services/ctl/screen.h"
#include "services/ctl/status.h"

const char *health_name(enum health health)
{
	static const char *const names[HEALTH_MAX] = {
		[HEALTH_RUNNING] = "running", [HEALTH_LATE] = "late", [HEALTH_PARTLY] = "partly down",
		[HEALTH_STOPPED] = "stopped", [HEALTH_DOWN] = "down", [HEALTH_NEVER] = "never started",
	};

	return names[health];
}

static const char *health_in_chinese(enum health health)
{
	static const char *const names[HEALTH_MAX] = {
		[HEALTH_RUNNING] = "运行中", [HEALTH_LATE] = "落后", [HEALTH_PARTLY] = "部分停止",
		[HEALTH_STOPPED] = "已停止", [HEALTH_DOWN] = "故障", [HEALTH_NEVER] = "从未启动",
	};

	return names[health];
}

/* "0-5,8" */
static struct str lanes_text(struct ctl *ctl, const struct daemon *daemon)
{
	struct str text = STR_NONE;

	for (int32_t i = 0; i < daemon->lane_count; i++) {
		int32_t last = i;

		if (!daemon->lanes[i])
			continue;
		while (last + 1 < daemon->lane_count && daemon->lanes[last + 1])
			last++;
		text = str_format(&ctl->arena, last > i ? "%.*s%s%d-%d" : "%.*s%s%d", STR_ARG(text), text.n ? "," : "", (int)i,
				  (int)last);
		i = last;
	}
	return text.n ? text : STR("-");
}

static void line_end(const struct screen *screen, struct buf *line)
{
	while (line->n > 0 && line->p[line->n - 1] == ' ')
		line->n--;
	fprintf(screen->out, "%.*s\n", (int)line->n, line->p ? line->p : "");
	buf_clear(line);
}

static void daemon_show(struct ctl *ctl, const struct screen *screen, const struct daemon *daemon, struct buf *line)
{
	enum screen_colour colour = daemon->health == HEALTH_RUNNING ? SCREEN_GREEN :
		daemon->health == HEALTH_LATE ? SCREEN_YELLOW : SCREEN_RED;
	char number[SCREEN_TEXT], length[SCREEN_TEXT];
	bool named = daemon->owner.n > 0 && !str_eq(daemon->owner, daemon->service);
	bool known = daemon->partitions > 0;

	screen_cell(line, named ? daemon->owner : daemon->service, 16);
	buf_char(line, ' ');
	buf_z(line, screen_colour(screen, colour));
	screen_cell(line, str_of(screen_word(screen, health_name(daemon->health), health_in_chinese(daemon->health))), 14);
	buf_z(line, screen_colour(screen, SCREEN_PLAIN));
	buf_char(line, ' ');
	screen_cell(line, lanes_text(ctl, daemon), 9);
	screen_cell(line, known ? screen_number((int64_t)(daemon->rate + 0.5), number) : STR("-"), -8);
	screen_cell(line, known && daemon->lag >= 0 ? screen_number(daemon->lag, number) : STR("?"), -9);
	screen_cell(line, known ? screen_number(daemon->unpublished, number) : STR("-"), -13);
	buf_z(line, "  ");
	screen_cell(line, !known ? STR("-") : str_format(&ctl->arena, screen_word(screen, "%.*s ago", "%.*s前"),
		    STR_ARG(screen_length(screen, daemon->seen_us, length))), 16);
	if (daemon->trouble.p)
		screen_put(line, daemon->trouble, 0);
	else if (daemon->health == HEALTH_DOWN)
		buf_z(line, screen_word(screen, "its owner has vanished; systemctl status, journalctl -u say why",
					"进程已消失;请用 systemctl status、journalctl -u 查明原因"));
	else if (daemon->health == HEALTH_NEVER)
		buf_z(line, screen_word(screen, "has a schema, but no daemon has ever read a topic for it",
					"已有模式,但从未有守护进程读取过主题"));
	line_end(screen, line);
}

static void rest_show(struct ctl *ctl, const struct screen *screen, const struct status *status)
{
	char number[6][SCREEN_TEXT], length[SCREEN_TEXT];
	struct str dead = STR_NONE;

	for (size_t i = 0; i < status->dead_count; i++)
		dead = str_format(&ctl->arena, "%.*s%s%.*s %lld", STR_ARG(dead), dead.n ? ", " : "",
				  STR_ARG(status->dead[i].reason), (long long)status->dead[i].count);
	if (status->has_clocks) {
		fprintf(screen->out, screen_word(screen,
						 "clocks        running %s (%s due within an hour), paused %s, breached and still open %s",
						 "时钟          运行 %s(一小时内到期 %s),暂停 %s,已超时未结 %s"),
			screen_number(status->running, number[0]).p, screen_number(status->next_hour, number[1]).p,
			screen_number(status->paused, number[2]).p, screen_number(status->breached, number[3]).p);
		fprintf(screen->out, screen_word(screen, ", overdue and not yet fired %s", ",到期未触发 %s"),
			screen_number(status->overdue, number[4]).p);
		if (status->overdue)
			fprintf(screen->out, screen_word(screen, " (oldest %s)", "(最久 %s)"),
				screen_length(screen, status->oldest_us, length).p);
		fputc('\n', screen->out);
	}
	fprintf(screen->out, screen_word(screen, "outbox        %s committed and not yet acknowledged by Kafka\n",
					 "发件箱        %s 条已提交而 Kafka 尚未确认\n"),
		screen_number(status->outbox, number[0]).p);
	fprintf(screen->out, screen_word(screen, "dead letters  %s today%s%.*s%s\n", "死信          今天 %s%s%.*s%s\n"),
		screen_number(status->dead_total, number[1]).p, dead.n ? screen_word(screen, " (", "(") : "", STR_ARG(dead),
		dead.n ? screen_word(screen, "); aftercarectl dead list", ");见 aftercarectl dead list") : "");
}

void status_show(struct ctl *ctl, const struct status *status)
{
	struct screen screen;
	struct buf line = { 0 };
	char when[SCREEN_TEXT];

	screen_init(&screen, stdout);
	screen_cell(&line, str_of(screen_word(&screen, "daemon", "服务")), 17);
	screen_cell(&line, str_of(screen_word(&screen, "state", "状态")), 15);
	screen_cell(&line, str_of(screen_word(&screen, "lanes", "通道")), 9);
	screen_cell(&line, str_of(screen_word(&screen, "in/s", "每秒")), -8);
	screen_cell(&line, str_of(screen_word(&screen, "lag", "落后")), -9);
	screen_cell(&line, str_of(screen_word(&screen, "unpublished", "未发布")), -13);
	buf_z(&line, "  ");
	screen_cell(&line, str_of(screen_word(&screen, "owner seen", "上次心跳")), 16);
	line_end(&screen, &line);
	for (size_t i = 0; i < status->daemon_count; i++)
		daemon_show(ctl, &screen, &status->daemons[i], &line);
	rest_show(ctl, &screen, status);
	for (size_t i = 0; i < status->blind_count; i++) {
		buf_z(&line, screen_word(&screen, "not seen      ", "看不到        "));
		screen_put(&line, status->blind[i], 0);
		line_end(&screen, &line);
	}
	printf(screen_word(&screen, "seen at       %.*s %s\n", "时间          %.*s %s\n"),
	       STR_ARG(screen_when(status->now, when)),
	       screen.zone);
	buf_done(&line);
}

/* ---- JSON ---- */

static void write_number(struct writer *writer, const char *key, double number)
{
	char text[40];

	snprintf(text, sizeof(text), "%.3f", number);
	write_key(writer, key);
	write_raw(writer, str_of(text));
}

static void daemon_json(struct ctl *ctl, struct writer *writer, const struct daemon *daemon)
{
	write_open(writer, '{');
	write_member(writer, "service", daemon->service);
	write_member(writer, "instance", daemon->owner.n ? daemon->owner : STR_NONE);
	write_member(writer, "state", str_of(health_name(daemon->health)));
	write_member(writer, "lanes", lanes_text(ctl, daemon));
	write_member_int(writer, "partitions", (int64_t)daemon->partitions);
	write_number(writer, "in_per_s", daemon->rate);
	write_key(writer, "lag");
	if (daemon->lag < 0 || daemon->partitions == 0)
		write_null(writer);
	else
		write_int(writer, daemon->lag);
	write_member_int(writer, "unpublished", daemon->unpublished);
	write_number(writer, "owner_seen_s", (double)daemon->seen_us / (double)SECOND);
	write_member(writer, "trouble", daemon->trouble);
	write_close(writer, '}');
}

void status_json(struct ctl *ctl, const struct status *status)
{
	struct buf text = { 0 };
	struct writer writer = { .buf = &text };

	write_open(&writer, '{');
	write_member_instant(&writer, "at", status->now);
	write_member_int(&writer, "exit", status->exit);
	write_key(&writer, "daemons");
	write_open(&writer, '[');
	for (size_t i = 0; i < status->daemon_count; i++)
		daemon_json(ctl, &writer, &status->daemons[i]);
	write_close(&writer, ']');
	write_key(&writer, "clocks");
	if (status->has_clocks) {
		write_open(&writer, '{');
		write_member_int(&writer, "running", status->running);
		write_member_int(&writer, "due_within_an_hour", status->next_hour);
		write_member_int(&writer, "paused", status->paused);
		write_member_int(&writer, "breached_open", status->breached);
		write_member_int(&writer, "overdue_not_fired", status->overdue);
		write_number(&writer, "oldest_overdue_s", status->overdue ? (double)status->oldest_us / (double)SECOND : 0);
		write_close(&writer, '}');
	} else {
		write_null(&writer);
	}
	write_member_int(&writer, "outbox", status->outbox);
	write_key(&writer, "dead_letters");
	write_open(&writer, '{');
	write_member_instant(&writer, "since", status->since);
	write_member_int(&writer, "total", status->dead_total);
	write_key(&writer, "reasons");
	write_open(&writer, '{');
	for (size_t i = 0; i < status->dead_count; i++)
		write_member_int(&writer, str_z(&ctl->arena, status->dead[i].reason), status->dead[i].count);
	write_close(&writer, '}');
	write_close(&writer, '}');
	write_key(&writer, "not_seen");
	write_open(&writer, '[');
	for (size_t i = 0; i < status->blind_count; i++)
		write_string(&writer, status->blind[i]);
	write_close(&writer, ']');
	write_close(&writer, '}');
	puts(str_z(&ctl->arena, buf_view(&text)));
	buf_done(&text);
}
