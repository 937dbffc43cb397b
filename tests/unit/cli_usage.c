/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exit statuses, usage errors, help, completion and manual pages against the command table. */
#include <vpc/cleanup.h>

#include "cli_http_util.h"

static struct fake_daemon *d;

static void setup(void)
{
	d = fake_start();
}

static void teardown(void)
{
	fake_stop(d);
}

TestSuite(cli_usage, .init = setup, .fini = teardown, .timeout = 60);

/* Lines that are refused before anything is sent, and a part of what is said. */
static const struct {
	const char *line;
	const char *said;
} wrong[] = {
	{"", "no command"},
	{"frobnicate", "no command 'frobnicate'"},
	{"vpc", "vpc needs a verb"},
	{"vpc frobnicate", "no command 'vpc frobnicate'"},
	{"vpc create", "NAME is missing"},
	{"vpc create prod", "--cidr is missing"},
	{"vpc create prod --cidr", "--cidr needs a value"},
	{"vpc create prod --cidr --mtu 1500", "--cidr needs a value"},
	{"vpc create prod --cidr 10.0.0.0/16 --mtu big", "--mtu must be a whole number, not 'big'"},
	{"vpc create prod --cidr 10.0.0.0/16 --mtu -5", "--mtu must be a whole number"},
	{"vpc create prod --cidr 10.0.0.0/16 --cidr 10.1.0.0/16", "--cidr is given twice"},
	{"vpc create prod --cidr 10.0.0.0/16 --tag novalue", "--tag must be KEY=VALUE"},
	{"vpc create prod --cidr 10.0.0.0/16 --tag =x", "--tag must be KEY=VALUE"},
	{"vpc create prod extra --cidr 10.0.0.0/16", "'extra' is one argument too many"},
	{"vpc create prod --cidr 10.0.0.0/16 --bogus", "no option --bogus"},
	{"vpc show ''", "VPC is empty"},
	{"publish create --eni a --port x --host-port 1", "--port must be a port or a range"},
	{"publish create --eni a --port 80/icmp --host-port 1", "--port must be a port or a range"},
	{"publish create --eni a --port 80/udp --host-port 80/tcp", "--port is udp and --host-port is tcp"},
	{"publish create --eni a --port 80", "--host-port is missing"},
	{"eip associate x", "--eni"},
	{"eip associate x --eni a --nat b", "--nat"},
	{"route add main", "DEST or --prefix-list is missing"},
	{"route add main 0.0.0.0/0", "TARGET is missing"},
	{"route add main --prefix-list offices", "TARGET is missing"},
	{"route add main 0.0.0.0/0 out --prefix-list offices", "DEST or --prefix-list, not both"},
	{"route replace main --prefix-list offices --prefix-list more out", "--prefix-list is given twice"},
	{"route delete main", "DEST or --prefix-list is missing"},
	{"route delete main 0.0.0.0/0 --prefix-list offices", "DEST or --prefix-list, not both"},
	{"route delete main 0.0.0.0/0 out", "'out' is one argument too many"},
	{"vpc list -o xml", "-o must be table, wide, json, yaml or id"},
	{"vpc delete prod --dry-run=yes", "--dry-run takes no value"},
	{"sg authorize web sideways tcp 443 --cidr 0.0.0.0/0", "DIRECTION must be ingress or egress"},
	{"sg authorize web ingress tcp 443", "at least one of --cidr, --sg, --prefix-list is needed"},
	{"sg authorize web ingress tcp 4x --cidr 0.0.0.0/0", "'4x' is not PORTS"},
	{"sg authorize web ingress tcp 1- --cidr 0.0.0.0/0", "'1-' is not PORTS"},
	{"sg authorize web ingress tcp ' 1' --cidr 0.0.0.0/0", "' 1' is not PORTS"},
	{"sg authorize web ingress icmp echo --cidr 0.0.0.0/0", "'echo' is not TYPE[/CODE]"},
	{"sg authorize web ingress icmp 8/ --cidr 0.0.0.0/0", "'8/' is not TYPE[/CODE]"},
	{"sg revoke web", "at least one of --cidr, --sg, --prefix-list, --rule is needed"},
	{"sg revoke web --cidr 0.0.0.0/0", "PROTO are missing"},
	{"sg revoke web ingress tcp 1 --cidr 0.0.0.0/0 --rule sgr-1", "either --rule"},
	{"sg revoke web --rule sgr-1 --flows later", "--flows must be cut, keep or drain=SECONDS"},
	{"sg revoke web --rule sgr-1 --flows drain=", "--flows must be"},
	{"sg attach web", "ENI is missing"},
	{"eni set web1", "--sg or --source-dest-check is missing"},
	{"eni attach web1", "exactly one of --netns, --pid, --tap, --link is needed"},
	{"eni attach web1 --netns a --tap", "exactly one of --netns, --pid, --tap, --link is needed"},
	{"eni attach web1 --netns a --owner u", "--owner goes with --tap"},
	{"eni attach web1 --netns a --queues 2", "--queues goes with --tap"},
	{"attach web1 --netns a", "--subnet is missing"},
	{"rename web", "NEWNAME is missing"},
	{"tag add web", "KEY=VALUE is missing"},
	{"tag add web x", "a tag must be KEY=VALUE, like team=core, not 'x'"},
	{"vcp list", "no command 'vcp'; did you mean 'vpc'?"},
	{"sg autorize web", "no command 'sg autorize'; did you mean 'sg authorize'?"},
	{"eni shwo web1", "did you mean 'eni show'?"},
	{"vpc create prod --cdir 10.0.0.0/16", "no option --cdir; did you mean --cidr?"},
	{"sg list prod", "for those of one VPC: --vpc prod"},
	{"sg revoke web sgr-0123456789abcdef0", "a rule's id goes after --rule: --rule sgr-0123456789abcdef0"},
	{"sg authorize web ingress tcp 80,,443 --cidr 0.0.0.0/0", "is not PORTS"},
	{"sg authorize web ingress tcp nosuchservice --cidr 0.0.0.0/0", "'nosuchservice' is not PORTS"},
	{"eni attach web1 --netns a --default-route maybe", "--default-route must be yes or no"},
	{"eni attach web1 --tap --default-route yes", "--default-route goes with --netns or --pid"},
};

Test(cli_usage, wrong_usage_is_status_2_and_sends_nothing)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct cli_result r = cli_run(d, wrong[i].line);

		cr_assert_eq(r.status, 2, "'%s': %d", wrong[i].line, r.status);
		cr_assert_str_eq(r.out, "", "'%s': %s", wrong[i].line, r.out);
		cr_assert(!strncmp(r.err, "vpcctl: ", 8), "'%s': %s", wrong[i].line, r.err);
		cr_assert_not_null(strstr(r.err, wrong[i].said), "'%s': %s", wrong[i].line, r.err);
		cr_assert_not_null(strstr(r.err, "--help"), "'%s': %s", wrong[i].line, r.err);
	}
	cr_assert_eq(fake_requests(d), 0);
}

Test(cli_usage, refused_is_status_1_with_the_code)
{
	struct cli_result r;

	fake_reply(d, "DELETE", "/v1/security-groups/web", 409,
		   "{\"type\":\"about:blank\",\"code\":\"DependencyViolation\",\"detail\":\"web is carried by eni-1\","
		   "\"holders\":[\"eni-1\"]}");
	r = cli_run(d, "sg delete web -o json");
	cr_assert_eq(r.status, 1);
	cr_assert_str_eq(r.out, "");
	cr_assert_str_eq(r.err, "vpcctl: DependencyViolation: web is carried by eni-1\n");
	fake_reply(d, "GET", "/v1/vpcs", 500, "oops");
	r = cli_run(d, "vpc list");
	cr_assert_eq(r.status, 1);
	cr_assert_not_null(strstr(r.err, "vpcctl: InternalError: vpcd answered with HTTP status 500"), "%s", r.err);
	fake_reply(d, "GET", "/v1/vpcs", 200, "not json");
	cr_assert_eq(cli_run(d, "vpc list").status, 1);
	fake_reply(d, "GET", "/v1/vpcs", 200, "{}");
	cr_assert_eq(cli_run(d, "vpc list").status, 1);
}

Test(cli_usage, no_daemon_is_status_3_and_says_where)
{
	struct cli_result r = cli_run(NULL, "vpc list");

	cr_assert_eq(r.status, 3);
	cr_assert_not_null(strstr(r.err, "vpcctl: no daemon at /nonexistent/vpcd.sock: No such file"), "%s", r.err);
	cr_assert_not_null(strstr(r.err, "systemctl start vpcd"), "%s", r.err);
	/* --socket goes before the environment */
	r = cli_run(d, "vpc list --socket /nonexistent/other.sock");
	cr_assert_eq(r.status, 3);
	cr_assert_not_null(strstr(r.err, "/nonexistent/other.sock"), "%s", r.err);
	/* a socket that nobody listens on */
	r = cli_run(NULL, "--version; s=$(mktemp -d); "
			  "timeout 1 nc -lU \"$s/x\" & sleep 0.3; kill $!; wait; vpcctl vpc list --socket \"$s/x\"; "
			  "r=$?; rm -r \"$s\"; exit $r");
	cr_assert_eq(r.status, 3, "%d %s", r.status, r.err);
	/* a path longer than an address */
	r = cli_run(NULL, "vpc list --socket /$(printf 'x%.0s' {1..200})");
	cr_assert_eq(r.status, 3, "%d %s", r.status, r.err);
}

Test(cli_usage, verify_is_0_only_if_equal)
{
	struct cli_result r;

	fake_reply(d, "GET", "/v1/verify", 200, "{\"equal\":true,\"differences\":[]}");
	cr_assert_eq(cli_run(d, "verify").status, 0);
	cr_assert_eq(cli_run(d, "verify -o json").status, 0);
	fake_reply(d, "GET", "/v1/verify", 200,
		   "{\"equal\":false,\"differences\":[{\"what\":\"link\",\"object\":\"eni-1\",\"problem\":\"missing\","
		   "\"detail\":\"no device 1001\"}]}");
	r = cli_run(d, "verify");
	cr_assert_eq(r.status, 1);
	cr_assert_str_eq(r.out, "WHAT  OBJECT  PROBLEM  DETAIL\n"
				"link  eni-1   missing  no device 1001\n\n"
				"1 thing differs from what should be\n");
	cr_assert_eq(cli_run(d, "verify -o json").status, 1);
	fake_reply(d, "GET", "/v1/verify", 200, "{}");
	cr_assert_eq(cli_run(d, "verify").status, 1, "a reply that says nothing is no clean kernel");
}

/* Calls fn for each "vpcctl noun verb" of the completion's table, which is the command table. */
static void each_command(void (*fn)(const char *command, const char *options))
{
	struct cli_result r = cli_run(NULL, "completion bash");
	char *table = strstr(r.out, "_vpcctl_options=("), *line, *save = NULL;
	size_t n = 0;

	cr_assert_not_null(table);
	*strstr(table, "\n)") = '\0';
	for (line = strtok_r(table, "\n", &save); (line = strtok_r(NULL, "\n", &save)); n++) {
		char command[64], options[512] = "";

		cr_assert_geq(sscanf(line, " ['%63[^']']='%511[^']", command, options), 1, "%s", line);
		fn(command, options);
	}
	cr_assert_gt(n, 20);
}

static void has_help_with_example(const char *command, const char *options)
{
	char line[128], example[80];
	struct cli_result r;

	(void)options;
	snprintf(line, sizeof(line), "%s --help", command);
	snprintf(example, sizeof(example), "vpcctl %s", command);
	r = cli_run(NULL, line);
	cr_assert_eq(r.status, 0, "%s: %s", line, r.err);
	cr_assert_not_null(strstr(r.out, "Usage:\n"), "%s", r.out);
	cr_assert_not_null(strstr(r.out, "\nExample:\n"), "%s", r.out);
	cr_assert_not_null(strstr(strstr(r.out, "\nExample:\n"), example), "%s", r.out);
	r = cli_run(NULL, "--help");
	cr_assert_not_null(strstr(r.out, command), "vpcctl --help lacks %s", command);
}

Test(cli_usage, every_command_has_help_with_an_example)
{
	each_command(has_help_with_example);
}

Test(cli_usage, the_manual_page_is_the_command_tables)
{
	const char *kept = cli_read_source("cli/man/vpcctl.1");

	cr_assert_str_eq(cli_run(NULL, "completion man").out, kept,
			 "run: build/vpcctl completion man >cli/man/vpcctl.1");
}

Test(cli_usage, the_manual_of_the_configuration_has_every_limit)
{
	static const struct {
		const char *name;
		unsigned value;
		const char *text;
	} limits[] = {
#define LIMIT(symbol, value, text) {#symbol, value, text},
#include <vpc/limits.def>
#undef LIMIT
	};
	const char *page = cli_read_source("cli/man/vpcd.conf.5");

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		char entry[160];

		snprintf(entry, sizeof(entry), "\n.TP\n.BR %s \" (%u)\"\n%s\n", limits[i].name, limits[i].value,
			 limits[i].text);
		cr_assert_not_null(strstr(page, entry), "vpcd.conf.5 lacks:%s", entry);
	}
}

Test(cli_usage, the_completion_script_is_the_command_tables)
{
	const char *kept = cli_read_source("cli/completion/vpcctl.bash");

	cr_assert_str_eq(cli_run(NULL, "completion bash").out, kept,
			 "run: build/vpcctl completion bash >cli/completion/vpcctl.bash");
}

/* Completes the last word of a line by the script, in a bash of its own. */
static const char *complete(const char *line)
{
	char script[1024];

	snprintf(script, sizeof(script),
		 "completion bash >/dev/null; source <(vpcctl completion bash); COMP_WORDS=(%s); "
		 "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); compopt() { :; }; _vpcctl; echo \"${COMPREPLY[*]}\"",
		 line);
	return cli_run(d, script).out;
}

Test(cli_usage, completion_completes)
{
	fake_reply(d, "GET", "/v1/security-groups", 200,
		   "{\"security_groups\":[{\"id\":\"sg-1\",\"name\":\"web\"},{\"id\":\"sg-2\",\"name\":\"odd "
		   "$(name)\"}]}");
	cr_assert_str_eq(complete("vpcctl su"), "subnet\n");
	cr_assert_str_eq(complete("vpcctl sg a"), "authorize attach advise\n");
	cr_assert_str_eq(complete("vpcctl -o json sg authorize web in"), "ingress\n");
	cr_assert_str_eq(complete("vpcctl sg show ''"), "web sg-2\n");
	cr_assert_str_eq(complete("vpcctl eni create x --sg w"), "web\n");
	cr_assert_str_eq(complete("vpcctl eni create x --dry-run --su"), "--subnet\n");
	cr_assert_str_eq(complete("vpcctl vpc list -o y"), "yaml\n");
	cr_assert_str_eq(complete("vpcctl sg authorize web ingress -1 --c"), "--cidr\n");
}

Test(cli_usage, version_and_help_need_no_daemon)
{
	cr_assert_eq(cli_run(NULL, "--version").status, 0);
	cr_assert(!strncmp(cli_run(NULL, "--version").out, "vpcctl ", 7));
	cr_assert_eq(cli_run(NULL, "--help").status, 0);
	cr_assert_str_eq(cli_run(NULL, "help sg authorize").out, cli_run(NULL, "sg authorize --help").out);
	cr_assert_str_eq(cli_run(NULL, "-h --help").out, cli_run(NULL, "--help").out);
}

Test(cli_usage, output_that_cannot_be_written_is_an_error)
{
	cr_assert_eq(cli_run(NULL, "--help >/dev/full").status, 1);
}

/* What the daemon refuses, and what the command line says beside it. */
static void expect_hint(const char *line, const char *hint)
{
	struct cli_result r = cli_run(d, line);

	cr_assert_eq(r.status, 1, "'%s': %d %s", line, r.status, r.err);
	cr_assert_not_null(strstr(r.err, hint), "'%s': %s", line, r.err);
}

Test(cli_usage, a_refusal_says_what_to_do)
{
	fake_reply(
		d, "GET", "/v1/security-groups", 200,
		"{\"security_groups\":[{\"id\":\"sg-1\",\"name\":\"web\"},{\"id\":\"sg-2\",\"name\":\"database\"}]}");
	fake_reply(d, "GET", "/v1/security-groups/wbe", 404,
		   "{\"code\":\"InvalidGroup.NotFound\",\"detail\":\"there is no security group 'wbe'\"}");
	expect_hint("sg show wbe", "did you mean 'web'?");
	fake_reply(d, "GET", "/v1/security-groups/x", 404,
		   "{\"code\":\"InvalidGroup.NotFound\",\"detail\":\"there is no security group 'x'\"}");
	cr_assert_null(strstr(cli_run(d, "sg show x").err, "did you mean"), "no group is called alike");
	fake_reply(d, "POST", "/v1/transactions", 404,
		   "{\"code\":\"InvalidGroup.NotFound\",\"detail\":\"there is no security group 'web,clients'\"}");
	expect_hint("attach a --subnet s --netns a --sg web,clients",
		    "several are given one by one, without commas: A B, or --sg A --sg B");
	fake_reply(d, "POST", "/v1/transactions", 400,
		   "{\"code\":\"InvalidParameterValue\",\"field\":\"name\",\"detail\":\"the name 'a' is taken by "
		   "eni-1\"}");
	expect_hint("attach a --subnet s --netns a", "to attach one that exists: vpcctl eni attach");
	fake_reply(d, "POST", "/v1/transactions", 503,
		   "{\"code\":\"DatapathUnavailable\",\"detail\":\"map eni: No space left on device\"}");
	expect_hint("attach a --subnet s --netns a", "journalctl -u vpcd");
}

/* Commands for resources of every kind suggest one of any kind. */
Test(cli_usage, a_name_like_that_of_any_kind)
{
	fake_reply(d, "GET", "/v1/subnets", 200, "{\"subnets\":[{\"id\":\"subnet-1\",\"name\":\"prod-app\"}]}");
	fake_reply(d, "GET", "/v1/resources/prod-ap", 404,
		   "{\"code\":\"NotFound\",\"detail\":\"there is no resource 'prod-ap'\"}");
	fake_reply(d, "GET", "/v1/log?resource=prod-ap&limit=&before=", 404,
		   "{\"code\":\"NotFound\",\"detail\":\"no resource 'prod-ap' is there\"}");
	expect_hint("show prod-ap", "did you mean 'prod-app'?");
	expect_hint("log prod-ap", "did you mean 'prod-app'?");
	expect_hint("rename prod-ap prod", "did you mean 'prod-app'?");
	expect_hint("tag add prod-ap a=b", "did you mean 'prod-app'?");
	cr_assert_null(strstr(cli_run(d, "show other").err, "did you mean"));
}

/* What is no regular file is written to, and stays what it is. */
Test(cli_usage, a_backup_replaces_neither_device_nor_pipe_nor_link)
{
	struct cli_result r;

	fake_reply(d, "GET", "/v1/backup", 200, "{\"format\":\"vpcd-backup\"}");
	r = cli_run(d,
		    "--version >/dev/null; d=$(mktemp -d); trap 'rm -r $d' EXIT; cd $d && mkfifo pipe && "
		    "(cat pipe >got &) && $VPCCTL backup pipe && test -p pipe && until test -s got; do sleep 0.05; "
		    "done && echo old >file && ln -s file link && $VPCCTL backup link && test -L link && cat got file");
	cr_assert_eq(r.status, 0, "%s", r.err);
	cr_assert_str_eq(r.out, "{\"format\":\"vpcd-backup\"}\n{\"format\":\"vpcd-backup\"}\n");
	/* By a link, so that a failure harms no device of this machine. */
	r = cli_run(d, "--version >/dev/null; d=$(mktemp -d); trap 'rm -r $d' EXIT; cd $d && ln -s /dev/full full && "
		       "$VPCCTL backup full");
	cr_assert_eq(r.status, 1);
	cr_assert_not_null(strstr(r.err, "cannot write full: No space left on device; name a place"), "%s", r.err);
}

/* A VPC that nobody has isn't one that used nothing. */
Test(cli_usage, usage_of_no_vpc)
{
	fake_reply(d, "GET", "/v1/usage?vpc=nope&by=day&from=0&to=86400", 200, "{\"usage\":[],\"next\":null}");
	fake_reply(d, "GET", "/v1/vpcs/nope", 404,
		   "{\"code\":\"InvalidVpcID.NotFound\",\"detail\":\"there is no VPC 'nope'\"}");
	expect_hint("usage nope --until 1970-01-02", "InvalidVpcID.NotFound");
}

/* A file that can't be read is refused with what to do, by every command that takes one. */
Test(cli_usage, a_file_that_is_not_there)
{
	static const char *const lines[] = {
		"apply -f /nothing/here",
		"restore /nothing/here",
		"explain --change /nothing/here",
		"prefix-list add p --file /nothing/here",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		expect_hint(lines[i], "cannot read /nothing/here: No such file or directory; name a file that you can "
				      "read, or - for standard input");
}

/* The options of every program are taken as they are written, and no other way. */
Test(cli_usage, options_are_exact)
{
	static const char *const lines[] = {
		"\"$(dirname \"$VPCCTL\")/vpcd\" --instanc x",
		"\"$(dirname \"$VPCCTL\")/vpcd\" --purg",
		"\"$(dirname \"$VPCCTL\")/vpc-qemu-helper\" --en vm1 --fd=3",
		"vpcctl vpc list --out json",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char line[256];
		struct cli_result r;

		snprintf(line, sizeof(line), "--version >/dev/null; %s", lines[i]);
		r = cli_run(d, line);
		cr_assert_neq(r.status, 0, "%s", lines[i]);
		cr_assert(strstr(r.err, "no option --"), "%s: %s", lines[i], r.err);
	}
}

/* A socket that comes while the daemon's lock is held: it is starting. */
Test(cli_usage, waits_for_a_daemon_that_is_starting)
{
	static const char run[] =
		"--version >/dev/null; s=$(mktemp -d); r=0; %s vpcctl --socket $s/vpcd.sock vpc list -o id "
		"|| r=$?; rm -r $s; exit $r";
	struct cli_result r;
	char line[512];

	fake_reply(d, "GET", "/v1/vpcs", 200, "{\"vpcs\":[{\"id\":\"vpc-1\"}]}");
	snprintf(line, sizeof(line), run,
		 "flock $s/vpcd.lock sleep 3 >/dev/null & sleep 0.2; (sleep 0.8; ln -s \"$VPCD_SOCKET\" $s/vpcd.sock) "
		 "&");
	r = cli_run(d, line);
	cr_assert_eq(r.status, 0, "%d %s", r.status, r.err);
	cr_assert_str_eq(r.out, "vpc-1\n");
	/* no lock: none was ever there */
	snprintf(line, sizeof(line), run, "(sleep 0.8; ln -s \"$VPCD_SOCKET\" $s/vpcd.sock) &");
	cr_assert_eq(cli_run(d, line).status, 3);
}
