/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cni/ask.h"

#include <errno.h>
#include <string.h>

static enum cni_code code_of(const struct vpcd_failure *failure)
{
	static const struct {
		const char *code;
		enum cni_code cni;
	} refusals[] = {
#define CNI_REFUSAL(vpcd, symbol) {vpcd, CNI_E_##symbol},
#include "cli/cni/errors.def"
	};

	/* An access that is denied stays so; a daemon that is away, or was killed before it answered, comes back. */
	if (failure->no_reply)
		return failure->denied ? CNI_E_REFUSED : CNI_E_TRY_AGAIN_LATER;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (!strcmp(refusals[i].code, failure->code))
			return refusals[i].cni;
	return failure->status == 503 ? CNI_E_TRY_AGAIN_LATER : CNI_E_REFUSED;
}

int cni_failed(int r, const struct vpcd_failure *failure, struct cni_error *reterr)
{
	if (failure->no_memory)
		return cni_oom(reterr);
	cni_fail(reterr, code_of(failure), "%s", failure->text);
	if (failure->detail[0] && failure->no_reply)
		cni_detail(reterr, "%.800s; if it listens elsewhere, set 'socket' in the network configuration",
			   failure->detail);
	else if (failure->detail[0])
		cni_detail(reterr, "%s", failure->detail);
	return r;
}

int cni_get(struct http *h, char *path, json_t **ret, struct cni_error *reterr)
{
	struct vpcd_failure failure;
	int r = vpcd_call(h, "GET", path, NULL, ret, &failure);

	return r < 0 ? cni_failed(r, &failure, reterr) : 0;
}

struct workload cni_workload(const struct cni_config *c, const struct cni_call *call)
{
	return (struct workload){.engine = "cni",
				 .network = c->name,
				 .key = "container-id",
				 .id = call->container_id,
				 .ifname = call->ifname};
}

int cni_eni_find(struct http *h, const struct cni_config *c, const struct cni_call *call, json_t **ret,
		 struct cni_error *reterr)
{
	const struct workload w = cni_workload(c, call);
	struct vpcd_failure failure;
	int r = workload_find(h, c->vpc, &w, ret, &failure);

	return r < 0 ? cni_failed(r, &failure, reterr) : 0;
}

int cni_eni_delete(struct http *h, const struct cni_config *c, const json_t *eni, struct cni_error *reterr)
{
	struct vpcd_failure failure;
	int r = workload_delete_soon(h, c->vpc, eni, &failure);

	return r < 0 ? cni_failed(r, &failure, reterr) : 0;
}
