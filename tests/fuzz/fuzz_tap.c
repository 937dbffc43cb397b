/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer: a request line of vpcd-tap.sock, which anyone on the host may send. */
#include <stdint.h>
#include <stdlib.h>

#include "api/tap/tap_socket.h"
#include "model/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(tap_request_clear) struct tap_request request = {0};
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	if (size > TAPSOCK_LINE_MAX)
		return 0;
	if (tap_request_parse((const char *)data, size, &request, &error) < 0) {
		if (error.code == VPC_E_OK || request.eni)
			abort();
	} else if (!request.eni || request.queues < 1 || request.queues > ATTACHMENT_QUEUES_MAX) {
		abort();
	}
	return 0;
}
