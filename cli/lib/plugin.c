/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/plugin.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int plugin_fail(struct plugin_error *e, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(e->text, sizeof(e->text), format, ap);
	va_end(ap);
	return -EINVAL;
}

int plugin_oom(struct plugin_error *e)
{
	plugin_fail(e, "out of memory");
	return -ENOMEM;
}

int plugin_failed(int r, const struct vpcd_failure *failure, struct plugin_error *e)
{
	plugin_fail(e, "vpcd: %s%s%.400s", failure->text, failure->no_reply && failure->detail[0] ? "; " : "",
		    failure->no_reply ? failure->detail : "");
	return r;
}

int plugin_read(FILE *f, size_t max, const char *what, char **ret, size_t *ret_size, struct plugin_error *e)
{
	_cleanup_free_ char *text = malloc(max);
	size_t size;

	if (!text)
		return plugin_oom(e);
	size = fread(text, 1, max, f);
	if (ferror(f))
		return plugin_fail(e, "%s can't be read: %s", what, strerror(errno));
	if (size == max)
		return plugin_fail(e, "%s is too long", what);
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

int plugin_usage(int argc, char **argv, const char *program, const char *usage)
{
	bool help = argc == 2 && !strcmp(argv[1], "--help");

	if (argc == 2 && !strcmp(argv[1], "--version"))
		return puts(program) == EOF;
	fputs(usage, help ? stdout : stderr);
	return help ? 0 : 2;
}
