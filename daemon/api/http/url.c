/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/http/url.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>
#include <vpc/hex.h>

/* Names go into JSON, which has no place for anything but UTF-8: jansson's own check decides. */
static bool is_utf8(const char *s)
{
	json_t *j = json_string(s);

	json_decref(j);
	return j;
}

int url_decode(const char *s, size_t n, char **ret)
{
	_cleanup_free_ char *out = malloc(n + 1);
	size_t used = 0;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int high, low;

		if (s[i] != '%') {
			out[used++] = s[i];
			continue;
		}
		if (n - i < 3)
			return -EINVAL;
		high = hex_value(s[i + 1]);
		low = hex_value(s[i + 2]);
		if (high < 0 || low < 0 || (high == 0 && low == 0))
			return -EINVAL;
		out[used++] = (char)(high << 4 | low);
		i += 2;
	}
	out[used] = '\0';
	if (!is_utf8(out))
		return -EINVAL;
	*ret = TAKE_PTR(out);
	return 0;
}

bool url_match(const char *pattern, const char *path, const char **ret_id, size_t *ret_id_size)
{
	static const char placeholder[] = "{id}";
	const char *id = NULL;
	size_t id_size = 0;

	while (*pattern) {
		if (strncmp(pattern, placeholder, sizeof(placeholder) - 1) != 0) {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		id = path;
		id_size = strcspn(path, "/");
		if (id_size == 0)
			return false;
		path += id_size;
		pattern += sizeof(placeholder) - 1;
	}
	if (*path)
		return false;
	*ret_id = id;
	*ret_id_size = id_size;
	return true;
}
