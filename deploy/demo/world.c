/* The world of the demo: who works here, who the customers are, what they bought. Published to the directory first, as CRM
 * and HR would. All persons and companies are invented. */
#include <string.h>

#include "deploy/demo/demo.h"

struct person {
	const char *id, *name, *role, *superior;
	enum line line;            /* whose products are known; LINE_MAX: none */
};

#define ENGINEER "engineer", "M01"
#define SUPPORT "tech_support", "M01"
#define FIELD "field_service", "M02"
#define CSR "csr", "M01"
static const struct person people[] = {
	{ "E01", "李敏", ENGINEER, LINE_SOFTWARE }, { "E02", "陈刚", ENGINEER, LINE_SOFTWARE }, { "E03", "周莉", ENGINEER,
	  LINE_SOFTWARE },
	{ "E04", "赵磊", ENGINEER, LINE_SOFTWARE }, { "E05", "孙悦", ENGINEER, LINE_SOFTWARE }, { "E06", "钱文博", ENGINEER,
	  LINE_SOFTWARE },
	{ "E07", "冯晓燕", ENGINEER, LINE_SOFTWARE }, { "E08", "褚建国", ENGINEER, LINE_DEVICES }, { "E09", "卫华", ENGINEER,
	  LINE_DEVICES },
	{ "E10", "蒋丽娜", ENGINEER, LINE_DEVICES }, { "E11", "沈涛", ENGINEER, LINE_DEVICES }, { "E12", "韩雪", ENGINEER,
	  LINE_DEVICES },
	{ "E13", "杨帆", ENGINEER, LINE_TURNKEY }, { "E14", "朱明", "engineer", "M02", LINE_MAX },
	{ "T01", "吴桐", SUPPORT, LINE_SOFTWARE }, { "T02", "郑洁", SUPPORT, LINE_SOFTWARE }, { "T03", "秦海", SUPPORT,
	  LINE_DEVICES },
	{ "T04", "许晴", SUPPORT, LINE_TURNKEY },
	{ "F01", "何军", FIELD, LINE_WORKS }, { "F02", "林涛", FIELD, LINE_WORKS }, { "F03", "高洋", FIELD, LINE_WORKS },
	{ "F04", "罗志强", FIELD, LINE_WORKS }, { "F05", "梁宇", FIELD, LINE_WORKS }, { "F06", "宋佳", FIELD, LINE_DEVICES },
	{ "F07", "唐健", FIELD, LINE_DEVICES }, { "F08", "邓超然", FIELD, LINE_TURNKEY }, { "F09", "曹阳", FIELD, LINE_SOFTWARE },
	{ "C01", "王芳", CSR, LINE_MAX }, { "C02", "刘静", CSR, LINE_MAX }, { "C03", "彭慧", CSR, LINE_MAX }, { "C04", "曾婷", CSR,
	  LINE_MAX },
	{ "D01", "马超", "dispatcher", "M01", LINE_MAX }, { "Q01", "董洁", "qa", "M01", LINE_MAX },
	{ "M01", "张伟", "manager", "G01", LINE_MAX }, { "M02", "吕强", "manager", "G01", LINE_MAX },
	{ "G01", "杨光", "general_manager", "", LINE_MAX },
};

static const char *const software[] = { "AX-300", "AX-500", NULL };
static const char *const devices[] = { "UPS-3K", "PD-20", NULL };
static const char *const works[] = { "CCTV-16", "GATE-2", NULL };
static const char *const turnkey[] = { "AX-900", NULL };
/* Only E14 can repair it. */
#define RARE_MODEL "KV-9"

static const char *const software_problems[] = {
	"凌晨更新后登录页返回 502", "报表模块自周一起没有数据", "网络时断时续,影响收银", "密码重置邮件收不到", "库存数量与实物不符",
	"导出的发票缺少税号", "夜审卡在第三步,无法换班", "客户端提示许可证将到期", NULL,
};
static const char *const device_problems[] = {
	"电源报警,风扇异响", "打印出来的小票缺字", "屏幕出现横纹,重启后依旧", "电池只能维持三分钟", "开机后无显示,指示灯不亮", "卡纸报警无法消除", NULL,
};
static const char *const works_problems[] = {
	"硬盘录像机无法启动", "二号门道闸抬不起来", "周界报警夜间误报频繁", "地下车库六路画面丢失", "可视对讲单元门口机黑屏", NULL,
};
static const char *const turnkey_problems[] = { "整套系统断电后未恢复", "主机与子系统失去联系", NULL };

const struct line_of_business lines_of_business[] = {
	[LINE_SOFTWARE] = { "software", software, software_problems },
	[LINE_DEVICES] = { "devices", devices, device_problems },
	[LINE_WORKS] = { "works", works, works_problems },
	[LINE_TURNKEY] = { "turnkey", turnkey, turnkey_problems },
};

static const char *const companies[] = {
	"海口蓝湾物业", "华强电子", "杭州云栖酒店", "苏州精工机械", "成都锦里餐饮", "西安长安医院", "青岛海滨学校", "武汉江汉商场",
	"深圳南山科技园", "厦门鹭岛航运", "南京钟山印刷", "天津滨海仓储", "长沙湘江药房", "宁波北仑港务", "昆明翠湖书店", "郑州中原物流",
};
static const char *const contacts[] = { "王建国", "李秀英", "张宏", "刘洋", "陈美玲", "杨建军", "黄志明", "周晓东", "吴海燕" };
#define CUSTOMERS 160

size_t world_people(void)
{
	return array_count(people);
}

const char *world_person(size_t n)
{
	return people[n].id;
}

const char *world_name(const char *id)
{
	for (size_t i = 0; i < array_count(people); i++)
		if (strcmp(people[i].id, id) == 0)
			return people[i].name;
	return id;
}

static const char *pick(const char *const *list, uint32_t n)
{
	uint32_t count = 0;

	while (list[count])
		count++;
	return list[n % count];
}

/* ---- the directory ---- */

/* Known since long before the day. */
static void entry(struct demo *demo, const char *claim, const char *key, const struct buf *data)
{
	char id[96];

	snprintf(id, sizeof(id), "%s-%s-%s", demo->run, claim, key);
	demo_claim(demo, "aftercare.directory", key, id, claim, demo->opens - 30 * DAY, buf_view(data));
}

static void put_skills(struct buf *data, const struct person *person)
{
	const char *between = "";

	if (strcmp(person->id, "E14") == 0)
		buf_z(data, "{\"product\":\"" RARE_MODEL "\",\"fault_type\":\"*\",\"level\":3}");
	for (enum line line = 0; line < LINE_MAX && person->line < LINE_MAX; line++) {
		if (line != person->line && person->line != LINE_TURNKEY)
			continue;
		for (const char *const *model = lines_of_business[line].models; *model; model++, between = ",")
			buf_format(data, "%s{\"product\":\"%s\",\"fault_type\":\"*\",\"level\":%d}", between, *model,
				   2 + (int)(person - people) % 2);
	}
}

static void publish_people(struct demo *demo, struct buf *data)
{
	char key[32];

	for (size_t i = 0; i < array_count(people); i++) {
		const struct person *person = &people[i];

		buf_clear(data);
		buf_format(data, "{\"id\":\"%s\",\"name\":\"%s\",\"role\":\"%s\",\"department\":\"after-sales\",", person->id,
			   person->name, person->role);
		if (*person->superior)
			buf_format(data, "\"superior\":\"%s\",", person->superior);
		buf_z(data, "\"onboarding_passed\":true,\"languages\":[\"zh-CN\"],\"max_open\":120,\"skills\":[");
		put_skills(data, person);
		buf_z(data, "]}");
		snprintf(key, sizeof(key), "staff:%s", person->id);
		entry(demo, "staff.upserted", key, data);
	}
}

static void publish_products(struct demo *demo, struct buf *data)
{
	char key[48];

	for (enum line line = 0; line < LINE_MAX; line++) {
		for (const char *const *model = lines_of_business[line].models; *model; model++) {
			buf_clear(data);
			buf_format(data, "{\"id\":\"%s\",\"model\":\"%s\",\"name\":\"%s\"}", *model, *model, *model);
			snprintf(key, sizeof(key), "product:%s", *model);
			entry(demo, "product.upserted", key, data);
		}
	}
}

static const char *company_of(uint32_t customer)
{
	return companies[customer % array_count(companies)];
}

/* What a customer has of a line, whether it was bought here or not; the same whenever it is asked. */
static const char *model_of(uint32_t customer, enum line line)
{
	return pick(lines_of_business[line].models, customer / 3);
}

/* Two of three customers bought here, some of the works elsewhere; a third of it is out of warranty. */
static void publish_installations(struct demo *demo, uint32_t customer, struct buf *data)
{
	char key[48], accepted[INSTANT_TEXT];

	for (enum line line = 0; line < LINE_MAX && customer % 3 != 2; line++) {
		int64_t days = customer % 3 == 1 ? 500 + customer : 40 + customer;

		buf_clear(data);
		buf_format(data, "{\"id\":\"I%03u%d\",\"customer\":\"C%03u\",\"product\":\"%s\",\"serial_no\":\"88-%03u%d\","
			   "\"accepted_on\":\"%.10s\",\"manufacturer_months\":%d,\"sold_by\":\"%s\",\"quality_grade\":3}",
			   customer,
			   (int)line, customer, model_of(customer, line), customer, (int)line,
			   instant_format(demo->opens - days * DAY, accepted).p, customer % 5 == 4 ? 36 : 12,
			   line == LINE_WORKS && customer % 4 == 3 ? "other" : "self");
		snprintf(key, sizeof(key), "installation:I%03u%d", customer, (int)line);
		entry(demo, "installation.upserted", key, data);
	}
}

void world_presence(struct demo *demo, const char *person, bool on)
{
	struct buf data = { 0 };
	char key[32], id[96];
	const char *claim = on ? "staff.on_post" : "staff.off_post";

	buf_format(&data, "{\"staff\":\"%s\",\"place\":\"总部\"}", person);
	snprintf(key, sizeof(key), "post:%s", person);
	snprintf(id, sizeof(id), "%s-%s-%s", demo->run, claim, person);
	demo_claim(demo, "aftercare.directory", key, id, claim, day_now(demo), buf_view(&data));
	demo->off_post += on ? -1 : 1;
	buf_done(&data);
}

void world_publish(struct demo *demo)
{
	struct buf data = { 0 };
	char key[48];

	publish_people(demo, &data);
	publish_products(demo, &data);
	for (uint32_t i = 0; i < CUSTOMERS; i++) {
		buf_clear(&data);
		buf_format(&data, "{\"id\":\"C%03u\",\"name\":\"%s\",\"phone\":\"1380000%04u\",\"locale\":\"%s\"}", i,
			company_of(i), i,
			   i % 16 == 9 ? "en" : "zh-CN");
		snprintf(key, sizeof(key), "customer:C%03u", i);
		entry(demo, "customer.upserted", key, &data);
		publish_installations(demo, i, &data);
	}
	/* The only one who can repair a KV-9 comes later. */
	world_presence(demo, "E14", false);
	buf_done(&data);
}

/* ---- requests ---- */

static void member(struct buf *data, const char *name, const char *value)
{
	if (value)
		buf_format(data, ",\"%s\":\"%s\"", name, value);
}

static uint32_t customer_of(const struct story *story)
{
	return story->number * 7 % CUSTOMERS;
}

const char *world_model(const struct story *story)
{
	return story->plot->model ? story->plot->model : model_of(customer_of(story), story->plot->line);
}

void world_request(const struct story *story, struct buf *data)
{
	const struct plot *plot = story->plot;
	const struct line_of_business *line = &lines_of_business[plot->line];
	uint32_t n = story->number, customer = customer_of(story);

	buf_clear(data);
	buf_format(data, "{\"channel\":\"%s\",\"customer\":{\"id\":\"C%03u\",\"name\":\"%s %s\"", story->channel, customer,
		   company_of(customer), contacts[n % array_count(contacts)]);
	if (!(plot->flags & PLOT_INCOMPLETE))
		buf_format(data, ",\"phone\":\"1380000%04u\",\"email\":\"c%03u@example.cn\"", customer, customer);
	buf_char(data, '}');
	member(data, "kind", plot->kind);
	member(data, "severity", plot->severity);
	member(data, "fault_type", plot->fault_type);
	member(data, "mode", plot->mode);
	member(data, "about_staff", story->about);
	if (!(plot->flags & PLOT_INCOMPLETE))
		buf_format(data, ",\"product\":{\"model\":\"%s\",\"version\":\"2.1\",\"serial_no\":\"88-%03u%d\"}",
			   world_model(story), customer, (int)plot->line);
	buf_format(data, ",\"problem\":\"%s\",\"tags\":[\"%s\"]}", story->about ? "工程师上门迟到且态度生硬" : pick(line->problems, n),
		   line->tag);
}
