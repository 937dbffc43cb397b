/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cni/cni.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include <vpc/json.h>

int cni_fail(struct cni_error *e, enum cni_code code, const char *format, ...)
{
	va_list ap;

	e->code = code;
	e->details[0] = '\0';
	va_start(ap, format);
	vsnprintf(e->msg, sizeof(e->msg), format, ap);
	va_end(ap);
	return -EINVAL;
}

int cni_detail(struct cni_error *e, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(e->details, sizeof(e->details), format, ap);
	va_end(ap);
	return -EINVAL;
}

int cni_oom(struct cni_error *e)
{
	cni_fail(e, CNI_E_REFUSED, "out of memory");
	return -ENOMEM;
}

json_t *cni_error_to_json(const struct cni_error *e, const char *version)
{
	_cleanup_json_ json_t *json = json_pack("{s:s, s:i, s:o}", "cniVersion", version, "code", (int)e->code, "msg",
						json_text_lossy(e->msg));

	if (!json || (e->details[0] && json_object_set_new(json, "details", json_text_lossy(e->details)) < 0))
		return NULL;
	return TAKE_PTR(json);
}
