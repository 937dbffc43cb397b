/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kind of resource that only this test has goes through vpcctl, the API, the model, the compiler and the store. */
#include "compiler/compile.h"
#include "store/store.h"
#include "tests/unit/api_fixture.h"

static struct fixture f;

struct said {
	int status;
	char text[16384]; /* stdout and stderr */
};

/* vpcctl with the kind, against the fixture's socket. */
__attribute__((__format__(__printf__, 1, 2))) static struct said vpcctl(const char *format, ...)
{
	char self[512], line[512], command[2048];
	struct said said = {0};
	size_t n;
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	va_list ap;
	FILE *pipe;

	cr_assert_gt(length, 0);
	self[length] = '\0';
	*strrchr(self, '/') = '\0';
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	snprintf(command, sizeof(command), "VPCD_SOCKET=%s %s/../../kind/vpcctl %s 2>&1", f.write_path, self, line);
	pipe = popen(command, "r");
	cr_assert(pipe);
	n = fread(said.text, 1, sizeof(said.text) - 1, pipe);
	said.text[n] = '\0';
	said.status = WEXITSTATUS(pclose(pipe));
	return said;
}

/* It exits with that, and says that. */
#define says(expected, part, ...)                                                                          \
	do {                                                                                               \
		struct said _s = vpcctl(__VA_ARGS__);                                                      \
                                                                                                           \
		cr_assert(_s.status == (expected) && strstr(_s.text, part), "%d: %s", _s.status, _s.text); \
	} while (0)

static void make_world(void)
{
	static const char body[] =
		"{\"changes\": [{\"op\": \"vpc.create\", \"name\": \"prod\", \"cidr\": \"10.0.0.0/16\"},"
		"{\"op\": \"subnet.create\", \"name\": \"app\", \"vpc_id\": \"$0.id\", \"cidr\": \"10.0.1.0/24\"},"
		"{\"op\": \"subnet.create\", \"name\": \"db\", \"vpc_id\": \"$0.id\", \"cidr\": \"10.0.2.0/24\"}]}";
	struct response r;

	fixture_start(&f);
	r = ask(&f, "POST", "/v1/transactions", body);
	cr_assert_eq(r.status, 200, "%s", r.body);
	response_clear(&r);
}

static void end_world(void)
{
	fixture_stop(&f);
}

static size_t listed(const char *path)
{
	struct response r = ask(&f, "GET", path, NULL);
	size_t n = json_array_size(json_object_get(r.json, "probes"));

	cr_assert_eq(r.status, 200, "%s", r.body);
	response_clear(&r);
	return n;
}

Test(kind, create_show_list_rename_tag_delete, .init = make_world, .fini = end_world, .timeout = 60)
{
	says(0, "prb-", "-o id probe create one --subnet app");
	says(0, "prb-", "-o id probe create two --subnet db --vpc prod");
	says(0, "one", "probe show one");
	says(0, "app", "probe list");
	cr_assert_eq(listed("/v1/probes"), 2);
	cr_assert_eq(listed("/v1/probes?subnet=app&vpc=prod"), 1);
	says(0, "first", "rename one first");
	says(0, "team=core", "tag add first team=core");
	says(0, "first", "completion names probe");
	says(0, "deleted probe first", "probe delete first");
	cr_assert_eq(listed("/v1/probes?vpc=prod"), 1);
	says(0, "probe create", "help");
	says(0, "PROBE", "probe show --help");
}

Test(kind, refusals, .init = make_world, .fini = end_world, .timeout = 60)
{
	says(0, "prb-", "-o id probe create one --subnet app");
	says(1, "is taken by prb-", "probe create one --subnet db");
	says(1, "NotFound", "probe show nobody");
	says(1, "there is no subnet 'nothing'", "probe create x --subnet nothing");
	says(1, "DependencyViolation", "subnet delete app");
	says(1, "DependencyViolation", "vpc delete prod");
	says(1, "must not look like an id", "vpc create prb-1 --cidr 10.0.0.0/16");
	says(1, "or probe is called 'nobody'", "tag add nobody a=b");
	says(0, "prb-", "-o id probe create two --subnet db");
	says(0, "prb-", "-o id probe create three --subnet db");
	says(1, "the limit probes (probes per host) is 3", "probe create four --subnet db");
	expect_error(&f, "PATCH", "/v1/probes/one", "If-Match: \"99\"\r\n", "{}", 409, "RevisionMismatch", "probe_id");
	expect_error(&f, "POST", "/v1/probes", "", "{\"name\": \"x\"}", 400, "MissingParameter", "subnet_id");
	expect_error(&f, "PUT", "/v1/probes/one", "", "{}", 405, "MethodNotAllowed", NULL);
	says(0, "deleted", "probe delete one two three");
	says(0, "deleted", "subnet delete app db");
}

/* --- the store and the compiler ---------------------------------------------------------------------------------- */

static size_t all_documents(const struct model *m, struct store_write *writes, size_t max)
{
	size_t n = 0;

	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++)
		for (const struct object *o = NULL; (o = model_next(m, (enum object_kind)kind, o));) {
			cr_assert_lt(n, max);
			writes[n++] = (struct store_write){.kind = kind_of(o->kind)->noun,
							   .id = o->id,
							   .document = model_to_document(m, o),
							   .fresh = true};
		}
	return n;
}

struct loading {
	struct model *m;
	enum object_kind kind;
};

static int load_one(const char *id, uint64_t revision, const json_t *document, void *userdata)
{
	struct loading *l = userdata;
	struct vpc_error error = VPC_ERROR_INIT;

	(void)id, (void)revision;
	cr_assert_eq(model_load(l->m, l->kind, document, &error), 0, "%s", error.message);
	return 0;
}

static void expect_same(const struct model *a, const struct model *b)
{
	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++) {
		cr_assert_eq(model_count(a, (enum object_kind)kind), model_count(b, (enum object_kind)kind));
		for (const struct object *o = NULL; (o = model_next(a, (enum object_kind)kind, o));) {
			const struct object *p = model_find(b, o->kind, o->id);
			json_t *x = model_to_json(a, o), *y = p ? model_to_json(b, p) : NULL;

			cr_assert(y && json_equal(x, y), "%s", o->id);
			json_decref(x);
			json_decref(y);
		}
	}
}

Test(kind, survives_in_the_store, .init = make_world, .fini = end_world, .timeout = 60)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct store_write writes[64];
	struct store_batch batch = {.revision = 1, .writes = writes};
	char dir[] = "/tmp/vpcd-kind-XXXXXX", command[64];
	struct loading l = {0};
	struct store *s;

	says(0, "prb-", "-o id probe create one --subnet app");
	batch.n_writes = all_documents(f.engine->model, writes, ARRAY_SIZE(writes));
	cr_assert(mkdtemp(dir));
	cr_assert_eq(store_open(dir, false, &s, &error), 0, "%s", error.message);
	cr_assert_eq(store_commit(s, &batch, &error), 0, "%s", error.message);
	store_close(s);
	for (size_t i = 0; i < batch.n_writes; i++)
		json_decref((json_t *)writes[i].document);
	cr_assert_eq(model_new(&vpc_limits_default, &l.m), 0);
	model_set_instance(l.m, "default");
	cr_assert_eq(store_open(dir, false, &s, &error), 0, "%s", error.message);
	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++) {
		l.kind = (enum object_kind)kind;
		cr_assert_eq(store_load(s, kind_of(l.kind)->noun, load_one, &l, &error), 0, "%s", error.message);
	}
	store_close(s);
	expect_same(f.engine->model, l.m);
	cr_assert_eq(model_count(l.m, OBJECT_PROBE), 1);
	model_free(l.m);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	cr_assert_eq(system(command), 0);
}

Test(kind, is_compiled, .init = make_world, .fini = end_world, .timeout = 60)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct plan plan = {0};

	cr_assert_eq(compile_all(f.engine->model, "default", 0, &plan, &error), 0, "%s", error.message);
	cr_assert_eq(plan.n_addrs, 0);
	plan_clear(&plan);
	says(0, "prb-", "-o id probe create one --subnet app");
	cr_assert_eq(compile_all(f.engine->model, "default", 0, &plan, &error), 0, "%s", error.message);
	cr_assert_eq(plan.n_addrs, 1);
	cr_assert(plan.addrs[0].add && plan.addrs[0].vpc == 1);
	plan_clear(&plan);
}

Test(kind, is_in_the_openapi_document)
{
	json_t *document = openapi_json();
	json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");
	json_t *paths = json_object_get(document, "paths");
	static const char *const names[] = {"Probe", "ProbeList", "ProbeChanged", "probe.create", "probe.delete"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		cr_expect(json_object_get(schemas, names[i]), "%s", names[i]);
	cr_expect_eq(json_object_size(json_object_get(paths, "/v1/probes")), 2);
	cr_expect_eq(json_object_size(json_object_get(paths, "/v1/probes/{id}")), 3);
	cr_expect(json_object_get(json_object_get(json_object_get(schemas, "Probe"), "properties"), "subnet_id"));
	json_decref(document);
}
