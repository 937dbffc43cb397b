/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer: a document of vpcctl apply, for a host that has nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/declare/check.h"
#include "cli/declare/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size + 1);
	_cleanup_json_ json_t *raw = NULL, *document = NULL;
	struct text_error error = {0};
	struct snapshot s = {0};
	struct plan p = {0};

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (text_parse(text, size, &raw, &error) == 0 && check_document(raw, &document, &error) == 0 &&
	    snapshot_make(json_object(), &s) == 0) {
		if (plan_make(&s, document, true, &p, &error) == 0 && !p.changes)
			abort();
		plan_clear(&p);
		snapshot_clear(&s);
	} else if (!error.code) {
		abort();
	}
	return 0;
}
