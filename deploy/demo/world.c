/* The world of the demo: who works here, who the customers are, what they bought. Published to the directory first, as CRM
 * and HR would; and the few changes of presence that happen while the requests come in. */
#include <string.h>

#include "deploy/demo/demo.h"

const struct worker_person people[] = {
	{ "E01", "李敏", "engineer", "AX-300 AX-500 CCTV-16" }, { "E02", "陈刚", "engineer", "AX-300 CCTV-16 UPS-3K" },
	{ "E03", "周莉", "engineer", "AX-500 UPS-3K" }, { "E04", "赵磊", "engineer", "AX-300 AX-500 UPS-3K CCTV-16" },
	{ "E05", "孙悦", "engineer", "KV-9" },
	{ "T01", "吴桐", "tech_support", "AX-300 AX-500 CCTV-16 UPS-3K" },
	{ "T02", "郑洁", "tech_support", "AX-300 AX-500 CCTV-16 UPS-3K" },
	{ "F01", "何军", "field_service", "AX-300 AX-500 CCTV-16 UPS-3K" },
	{ "F02", "林涛", "field_service", "AX-300 CCTV-16 UPS-3K" },
	{ "F03", "高洋", "field_service", "AX-500 CCTV-16 UPS-3K" },
	{ "C01", "王芳", "csr", "" }, { "C02", "刘静", "csr", "" }, { "D01", "马超", "dispatcher", "" },
	{ "M01", "张伟", "manager", "" }, { "G01", "杨光", "general_manager", "" },
	{ NULL, NULL, NULL, NULL },
};

static const char *const models[] = { "AX-300", "AX-500", "CCTV-16", "UPS-3K" };

static const char *const companies[] = {
	"海口蓝湾物业", "华强电子", "杭州云栖酒店", "苏州精工机械", "成都锦里餐饮", "西安长安医院", "青岛海滨学校",
	"武汉江汉商场", "深圳南山科技园", "厦门鹭岛航运", "南京钟山印刷", "天津滨海仓储",
};
static const char *const problems[] = {
	"录像机无法启动,指示灯不亮", "凌晨更新后登录页返回 502", "屏幕出现横纹,重启后依旧", "报表模块自周一起没有数据",
	"电源报警,风扇异响",
	"网络时断时续,影响收银", "密码重置邮件收不到", "硬盘告警,部分画面丢失",
};
#define CUSTOMERS 60

const char *world_name(const char *id)
{
	for (size_t i = 0; people[i].id; i++)
		if (strcmp(people[i].id, id) == 0)
			return people[i].name;
	return id;
}

const char *world_model(uint32_t n)
{
	return models[n % array_count(models)];
}

static void entry(struct demo *demo, const char *claim, const char *key, struct str data)
{
	char id[96];

	snprintf(id, sizeof(id), "%s-%s-%s-%lld", demo->run, claim, key, (long long)(demo_monotonic() / MILLISECOND));
	demo_claim(demo, "aftercare.directory", key, id, claim, screen_now(), data);
}

static void publish_person(struct demo *demo, const struct worker_person *person, struct buf *data)
{
	const char *at = person->models;
	char key[32];

	buf_clear(data);
	buf_format(data, "{\"id\":\"%s\",\"name\":\"%s\",\"role\":\"%s\",\"department\":\"after-sales\",\"superior\":\"M01\","
		   "\"onboarding_passed\":true,\"languages\":[\"zh-CN\"],\"max_open\":40,\"skills\":[", person->id,
			person->name,
		   person->role);
	while (*at) {
		size_t n = strcspn(at, " ");

		buf_format(data, "%s{\"product\":\"%.*s\",\"fault_type\":\"*\",\"level\":3}", at == person->models ? "" : ",",
			   (int)n, at);
		at += n + (at[n] == ' ');
	}
	buf_z(data, "]}");
	snprintf(key, sizeof(key), "staff:%s", person->id);
	entry(demo, "staff.upserted", key, buf_view(data));
}

static void presence(struct demo *demo, const char *person, bool on)
{
	struct buf data = { 0 };
	char key[32];

	buf_format(&data, "{\"staff\":\"%s\",\"place\":\"海口\"}", person);
	snprintf(key, sizeof(key), "post:%s", person);
	entry(demo, on ? "staff.on_post" : "staff.off_post", key, buf_view(&data));
	buf_done(&data);
}

void world_publish(struct demo *demo)
{
	struct buf data = { 0 };
	char key[48];

	for (size_t i = 0; people[i].id; i++)
		publish_person(demo, &people[i], &data);
	for (size_t i = 0; i < array_count(models); i++) {
		buf_clear(&data);
		buf_format(&data, "{\"id\":\"%s\",\"model\":\"%s\",\"name\":\"%s\"}", models[i], models[i], models[i]);
		snprintf(key, sizeof(key), "product:%s", models[i]);
		entry(demo, "product.upserted", key, buf_view(&data));
	}
	for (uint32_t i = 0; i < CUSTOMERS; i++) {
		buf_clear(&data);
		buf_format(&data, "{\"id\":\"C%03u\",\"name\":\"%s %u 部\",\"phone\":\"1380000%04u\",\"locale\":\"zh-CN\"}", i,
			   companies[i % array_count(companies)], i / (uint32_t)array_count(companies) + 1, i);
		snprintf(key, sizeof(key), "customer:C%03u", i);
		entry(demo, "customer.upserted", key, buf_view(&data));
		/* Half of them bought here: those are owners, of the others it must be asked. */
		if (i % 2)
			continue;
		buf_clear(&data);
		buf_format(&data, "{\"id\":\"I%03u\",\"customer\":\"C%03u\",\"product\":\"%s\",\"serial_no\":\"88-%05u\","
			   "\"accepted_on\":\"2026-03-02\",\"manufacturer_months\":12}", i, i, world_model(i), i);
		snprintf(key, sizeof(key), "installation:I%03u", i);
		entry(demo, "installation.upserted", key, buf_view(&data));
	}
	/* The only one who can repair a KV-9 comes later. */
	presence(demo, "E05", false);
	buf_done(&data);
}

void world_change(struct demo *demo, int64_t elapsed)
{
	if (!demo->unposted && elapsed > demo->sending_us * 3 / 10) {
		demo->unposted = true;
		presence(demo, "E03", false);
		tally_line(demo, SCREEN_YELLOW, "", screen_word(&demo->screen, "off post", "离岗"), "%s (E03)%s",
			   world_name("E03"),
			   screen_word(&demo->screen, ": gets nothing new from now on", ":从现在起不再派单"));
	}
	if (!demo->posted && elapsed > demo->sending_us * 6 / 10) {
		demo->posted = true;
		presence(demo, "E05", true);
		tally_line(demo, SCREEN_YELLOW, "", screen_word(&demo->screen, "on post", "到岗"), "%s (E05)%s",
			   world_name("E05"),
			   screen_word(&demo->screen, ": what nobody could take is tried again", ":无人可派的工单重新分派"));
	}
}

static void member(struct buf *data, const char *name, const char *value)
{
	if (value)
		buf_format(data, ",\"%s\":\"%s\"", name, value);
}

void world_request(const struct story *story, struct buf *data)
{
	uint32_t n = story->number, customer = n * 7 % CUSTOMERS;
	const struct plot *plot = story->plot;
	const char *model = plot->model ? plot->model : world_model(customer);

	buf_clear(data);
	buf_format(data, "{\"channel\":\"%s\",\"customer\":{\"id\":\"C%03u\",\"name\":\"%s %u 部\"", story->channel, customer,
		   companies[customer % array_count(companies)], customer / (uint32_t)array_count(companies) + 1);
	if (!plot->incomplete)
		buf_format(data, ",\"phone\":\"1380000%04u\",\"email\":\"c%03u@example.cn\"", customer, customer);
	buf_char(data, '}');
	member(data, "kind", plot->kind);
	member(data, "severity", plot->severity);
	member(data, "fault_type", plot->fault_type);
	member(data, "mode", plot->mode);
	if (!plot->incomplete)
		buf_format(data, ",\"product\":{\"model\":\"%s\",\"version\":\"2.1\",\"serial_no\":\"88-%05u\"}", model,
			   customer);
	buf_format(data, ",\"problem\":\"%s\",\"tags\":[\"demo\"]}", problems[n % array_count(problems)]);
}

