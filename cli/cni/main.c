/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpc-cni: a CNI plugin (specification 1.1.0) over vpcd's API. The runtime calls it with the environment and the
 * network configuration on stdin; a result or an error object goes to stdout. It keeps no state: vpcd's is enough.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/cni/cni.h"

static const char usage[] =
	"vpc-cni " VPCD_VERSION ": a CNI plugin that puts containers into subnets of vpcd\n"
	"A runtime calls it, with CNI_COMMAND set to ADD, DEL, CHECK, GC, STATUS or VERSION and the "
	"network configuration on stdin.\n"
	"CNI protocol versions supported: 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n";

/* Owned; NULL: out of memory. */
static json_t *supported_versions(void)
{
	_cleanup_json_ json_t *list = json_array();

	for (int i = 0; i < CNI_VERSIONS; i++)
		if (json_array_append_new(list, json_string(cni_versions[i])) < 0)
			return NULL;
	return TAKE_PTR(list);
}

/* cniVersion is the caller's, whatever it is; a caller that writes nothing gets ours. */
static int version(const char *text, size_t size, json_t **ret, struct cni_error *reterr)
{
	_cleanup_json_ json_t *config = json_loadb(text, size, 0, NULL);
	const char *asked = json_member_text(config, "cniVersion");

	*ret = json_pack("{s:s, s:o}", "cniVersion", asked ? asked : cni_versions[CNI_1_1_0], "supportedVersions",
			 supported_versions());
	return *ret ? 0 : cni_oom(reterr);
}

/* All of stdin; owned, never NULL on success. */
static int read_all(FILE *f, char **ret, size_t *ret_size, struct cni_error *reterr)
{
	_cleanup_free_ char *text = malloc(CNI_CONFIG_BYTES_MAX + 1);
	size_t n;

	if (!text)
		return cni_oom(reterr);
	n = fread(text, 1, CNI_CONFIG_BYTES_MAX + 1, f);
	if (ferror(f))
		return cni_fail(reterr, CNI_E_IO_FAILURE, "the network configuration can't be read from stdin: %s",
				strerror(errno));
	if (n > CNI_CONFIG_BYTES_MAX)
		return cni_fail(reterr, CNI_E_DECODING_FAILURE, "the network configuration has more than %u bytes",
				CNI_CONFIG_BYTES_MAX);
	*ret = TAKE_PTR(text);
	*ret_size = n;
	return 0;
}

static int write_json(const json_t *json)
{
	return json_dumpf(json, stdout, JSON_INDENT(2)) < 0 || putchar('\n') == EOF || fflush(stdout) != 0 ? -EIO : 0;
}

/* If the result can't be written, the runtime sees ADD fail; so the interface is removed again. */
static int tell(const struct cni_call *call, const struct cni_config *c, const json_t *result, struct cni_error *reterr)
{
	struct cni_error ignored;

	if (!result || write_json(result) == 0)
		return 0;
	if (call->command == CNI_ADD)
		cni_del(call, c, &ignored);
	return cni_fail(reterr, CNI_E_IO_FAILURE, "the result can't be written to stdout");
}

static int run(const struct cni_call *call, struct cni_config *c, struct cni_error *reterr)
{
	static int (*const functions[CNI_COMMANDS])(const struct cni_call *, const struct cni_config *,
						    struct cni_error *) = {
		[CNI_DEL] = cni_del,
		[CNI_GC] = cni_gc,
		[CNI_CHECK] = cni_check,
		[CNI_STATUS] = cni_status,
	};
	_cleanup_json_ json_t *result = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r = 0;

	/* A person who tries VERSION by hand has no configuration to write. */
	if (call->command != CNI_VERSION || !isatty(STDIN_FILENO))
		r = read_all(stdin, &text, &size, reterr);
	if (r == 0 && call->command == CNI_VERSION)
		r = version(text ?: "", size, &result, reterr);
	else if (r == 0)
		r = cni_config_parse(text, size, call, c, reterr);
	if (r == 0 && call->command == CNI_ADD)
		r = cni_add(call, c, &result, reterr);
	else if (r == 0 && functions[call->command])
		r = functions[call->command](call, c, reterr);
	return r < 0 ? r : tell(call, c, result, reterr);
}

int main(int argc, char **argv)
{
	_cleanup_cni_config_ struct cni_config config = {.version = CNI_1_1_0};
	_cleanup_json_ json_t *problem = NULL;
	struct cni_error error = {0};
	struct cni_call call;
	int r;

	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts("vpc-cni " VPCD_VERSION);
		return 0;
	}
	if (argc > 1 || !getenv("CNI_COMMAND"))
		fputs(usage, argc > 1 && !strcmp(argv[1], "--help") ? stdout : stderr);
	if (argc > 1)
		return strcmp(argv[1], "--help") != 0;
	/* A runtime that goes away is an error of writing, after which the interface is taken back. */
	signal(SIGPIPE, SIG_IGN);
	r = cni_call_read(getenv, &call, &error);
	if (r == 0)
		r = run(&call, &config, &error);
	if (r == 0)
		return 0;
	problem = cni_error_to_json(&error, cni_versions[config.version]);
	if (!problem || write_json(problem) < 0)
		fprintf(stderr, "vpc-cni: %s\n", error.msg);
	return 1;
}
